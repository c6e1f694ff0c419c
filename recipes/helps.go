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
	mended := map[aim.Class]bool{}
	for _, class := range anyChange {
		mended[class] = true
	}
	for _, e := range effects {
		if slices.ContainsFunc(changes, func(change string) bool { return matches(e.changes, change) }) {
			for _, class := range e.mends {
				mended[class] = true
			}
		}
	}
	for _, class := range memoryHelps(before, after) {
		mended[class] = true
	}
	return slices.Sorted(maps.Keys(mended))
}

func matches(patterns []string, change string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return change == p || wild && strings.HasPrefix(change, prefix)
	})
}

// difference names everything that is not the same, sorted.
func difference(a, b candidate) []string {
	changed := map[string]bool{}
	for name, differs := range map[string]bool{
		changeImage: a.image != b.image, changeWeights: a.repo != b.repo,
		changeGPUs: a.gpus != b.gpus, changeType: a.gpuType != b.gpuType,
	} {
		if differs {
			changed[name] = true
		}
	}
	for _, o := range a.opts {
		if other, ok := b.table.Get(b.opts, o.Name); !ok || other != o {
			changed[a.table.Key(o.Name)] = true
		}
	}
	for _, o := range b.opts {
		if _, ok := a.table.Get(a.opts, o.Name); !ok {
			changed[b.table.Key(o.Name)] = true
		}
	}
	for name := range mergeEnv(a.env, b.env) {
		if a.env[name] != b.env[name] {
			changed[name] = true
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

// memoryHelps compares the estimates: more room beside the weights mends what
// ran out of it, more requests' worth of room mends a short KV cache. Where
// nothing is known, more GPUs are taken to help.
func memoryHelps(before, after candidate) []aim.Class {
	a, b := before.memory.Terms, after.memory.Terms
	var mended []aim.Class
	if b["free_for_kv"] > a["free_for_kv"] || a["free_for_kv"] == 0 && after.gpus > before.gpus {
		mended = append(mended, aim.ClassOOM, aim.ClassKVNone, aim.ClassKVShort)
	}
	if shorter(before, after) {
		mended = append(mended, aim.ClassLength)
	}
	cheaper := b["free_for_kv"]*a["kv_needed"] > a["free_for_kv"]*b["kv_needed"]
	if a["kv_needed"] == 0 { // the model's KV cache cannot be computed
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
