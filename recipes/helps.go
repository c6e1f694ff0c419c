package recipes

import (
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Changes that are not options or environment names. No option is named so.
const (
	changeImage   = "(image)"
	changeWeights = "(weights)"
	changeGPUs    = "(gpus)"
	changeType    = "(gpu type)"
)

// effects says which failures a change can mend. A name that ends in "*" is a
// prefix.
var effects = []struct {
	changes []string
	mends   []aim.Class
}{
	{[]string{"attention-backend", "block-size", "moe-backend", "linear-backend", "kv-cache-dtype", "dtype", "VLLM_ROCM_*", changeImage, changeType},
		[]aim.Class{aim.ClassAttention, aim.ClassGPUFault}},
	{[]string{"tool-call-parser", "reasoning-parser", "enable-auto-tool-choice", changeImage}, []aim.Class{aim.ClassParser}},
	{[]string{"quantization", "dtype", changeImage, changeWeights, changeType}, []aim.Class{aim.ClassQuant}},
	{[]string{changeImage}, []aim.Class{aim.ClassArch, aim.ClassImage, aim.ClassMissing}},
	{[]string{changeWeights}, []aim.Class{aim.ClassMissing, aim.ClassWeights, aim.ClassDisk, aim.ClassHostOOM, aim.ClassTPBlock}},
	{[]string{changeGPUs, "enable-expert-parallel"}, []aim.Class{aim.ClassTPBlock}},
	{[]string{changeGPUs}, []aim.Class{aim.ClassTPHeads, aim.ClassCapacity}},
	{[]string{changeType}, []aim.Class{aim.ClassCapacity}},
	{[]string{"enforce-eager", "max-num-seqs"}, []aim.Class{aim.ClassOOM}},
}

// anyChange are the failures without a known cause: whatever is different may
// mend them.
var anyChange = []aim.Class{aim.ClassStart, aim.ClassTimeout, aim.ClassExited, aim.ClassUnhealthy, aim.ClassWrongName, aim.ClassOption, aim.ClassInternal}

// helps lists, sorted, the failures of before that after may not have. It is
// empty when both are the same.
func helps(before, after candidate) []aim.Class {
	changes := difference(before, after)
	if len(changes) == 0 {
		return nil
	}
	mended := slices.Concat(anyChange, memoryHelps(before, after))
	for _, e := range effects {
		if slices.ContainsFunc(changes, func(change string) bool { return matches(e.changes, change) }) {
			mended = append(mended, e.mends...)
		}
	}
	slices.Sort(mended)
	return slices.Compact(mended)
}

func matches(patterns []string, change string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return change == p || wild && strings.HasPrefix(change, prefix)
	})
}

// same tells whether two candidates run the same thing: difference, without
// saying where. Options are sorted, so equal ones stand at equal places.
func same(a, b candidate) bool {
	return a.gpus == b.gpus && a.gpuType == b.gpuType && a.repo == b.repo && a.image == b.image &&
		slices.Equal(a.opts, b.opts) && maps.Equal(a.env, b.env)
}

// difference names everything that is not the same, sorted.
func difference(a, b candidate) []string {
	var changed []string
	note := func(name string, differs bool) {
		if differs {
			changed = append(changed, name)
		}
	}
	note(changeImage, a.image != b.image)
	note(changeWeights, a.repo != b.repo)
	note(changeGPUs, a.gpus != b.gpus)
	note(changeType, a.gpuType != b.gpuType)
	for _, o := range a.opts {
		if !slices.Contains(b.opts, o) {
			note(a.table.Key(o.Name), true)
		}
	}
	for _, o := range b.opts {
		if !slices.Contains(a.opts, o) {
			note(b.table.Key(o.Name), true)
		}
	}
	for name, value := range a.env {
		note(name, b.env[name] != value)
	}
	for name, value := range b.env {
		note(name, a.env[name] != value)
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// memoryHelps compares the estimates: more room beside the weights mends what
// ran out of it, more requests' worth of room mends a short KV cache. Where
// nothing is known, more GPUs are taken to help.
func memoryHelps(before, after candidate) []aim.Class {
	a, b := before.memory.terms, after.memory.terms
	var mended []aim.Class
	if b.freeForKV > a.freeForKV || a.freeForKV == 0 && after.gpus > before.gpus {
		mended = append(mended, aim.ClassOOM, aim.ClassKVNone, aim.ClassKVShort)
	}
	if shorter(before, after) {
		mended = append(mended, aim.ClassLength)
	}
	cheaper := b.freeForKV*a.kvNeeded > a.freeForKV*b.kvNeeded
	if a.kvNeeded == 0 { // the model's KV cache cannot be computed
		cheaper = shorter(before, after) || after.kvValueBytes() < before.kvValueBytes()
	}
	if cheaper {
		mended = append(mended, aim.ClassKVShort)
	}
	return mended
}

// shorter tells whether after has a shorter context, or one that adapts.
func shorter(before, after candidate) bool {
	a, _ := before.number("max-model-len")
	b, set := after.number("max-model-len")
	return set && (b == 0 && a > 0 || b > 0 && b < a)
}
