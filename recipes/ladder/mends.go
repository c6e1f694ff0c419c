package ladder

import (
	"iter"
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
	mends   classes
}{
	{[]string{"attention-backend", "block-size", "moe-backend", "linear-backend", "kv-cache-dtype", "dtype", "VLLM_ROCM_*", changeImage, changeType},
		setOf(aim.ClassAttention, aim.ClassGPUFault)},
	{[]string{"tool-call-parser", "reasoning-parser", "enable-auto-tool-choice", changeImage}, setOf(aim.ClassParser)},
	{[]string{"quantization", "dtype", changeImage, changeWeights, changeType}, setOf(aim.ClassQuant)},
	{[]string{changeImage}, setOf(aim.ClassArch, aim.ClassImage, aim.ClassBroken, aim.ClassMissing)},
	{[]string{changeType}, setOf(aim.ClassBroken)},
	{[]string{changeWeights}, setOf(aim.ClassMissing, aim.ClassWeights, aim.ClassDisk, aim.ClassHostOOM, aim.ClassTPBlock)},
	{[]string{changeGPUs, "enable-expert-parallel"}, setOf(aim.ClassTPBlock)},
	{[]string{changeGPUs}, setOf(aim.ClassTPHeads, aim.ClassCapacity, aim.ClassComm)},
	{[]string{"disable-custom-all-reduce", "NCCL_*", changeImage}, setOf(aim.ClassComm)},
	{[]string{changeType}, setOf(aim.ClassCapacity)},
	{[]string{"enforce-eager", "max-num-seqs"}, setOf(aim.ClassOOM)},
}

// anyChange are the failures without a known cause: whatever is different may
// mend them.
var anyChange = setOf(aim.ClassStart, aim.ClassTimeout, aim.ClassExited, aim.ClassUnhealthy, aim.ClassHung, aim.ClassWrongName, aim.ClassOption, aim.ClassInternal)

// mends are the failures of before that after may not have. There is none when
// both are the same.
func mends(before, after *candidate) (mended classes) {
	for change := range changes(before, after) {
		mended |= anyChange | effectOf(change)
	}
	if mended == 0 {
		return 0
	}
	return mended | mendsByMemory(before, after)
}

// effectOf is the failures that one change can mend.
func effectOf(change string) classes {
	mended := effectByName[change]
	for prefix, more := range effectByPrefix {
		if strings.HasPrefix(change, prefix) {
			mended |= more
		}
	}
	return mended
}

// effectByName and effectByPrefix are effects, to look up.
var effectByName, effectByPrefix = func() (names, prefixes map[string]classes) {
	names, prefixes = map[string]classes{}, map[string]classes{}
	for _, e := range effects {
		for _, change := range e.changes {
			if prefix, wild := strings.CutSuffix(change, "*"); wild {
				prefixes[prefix] |= e.mends
			} else {
				names[change] |= e.mends
			}
		}
	}
	return names, prefixes
}()

// same tells whether two candidates run the same thing: difference, without
// saying where. Options are sorted, so equal ones stand at equal places.
func same(a, b *candidate) bool {
	return a.gpus == b.gpus && a.gpuType == b.gpuType && a.repo == b.repo && a.image == b.image &&
		slices.Equal(a.opts, b.opts) && maps.Equal(a.env, b.env)
}

// changes yields everything that is not the same, in no order and some of it
// twice.
func changes(a, b *candidate) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, c := range [...]struct {
			name    string
			differs bool
		}{
			{changeImage, a.image != b.image}, {changeWeights, a.repo != b.repo},
			{changeGPUs, a.gpus != b.gpus}, {changeType, a.gpuType != b.gpuType},
		} {
			if c.differs && !yield(c.name) {
				return
			}
		}
		_ = optionChanges(a, b, yield) && optionChanges(b, a, yield) && envChanges(a.env, b.env, yield) && envChanges(b.env, a.env, yield)
	}
}

// optionChanges yields the options of a that b does not have so.
func optionChanges(a, b *candidate, yield func(string) bool) bool {
	for _, o := range a.opts {
		if !slices.Contains(b.opts, o) && !yield(a.table.Key(o.Name)) {
			return false
		}
	}
	return true
}

func envChanges(a, b map[string]string, yield func(string) bool) bool {
	for name, value := range a {
		if other, ok := b[name]; (!ok || other != value) && !yield(name) {
			return false
		}
	}
	return true
}

// difference names everything that is not the same, sorted.
func difference(a, b *candidate) []string {
	return slices.Compact(slices.Sorted(changes(a, b)))
}

// mendsByMemory compares the estimates: more room beside the weights mends what
// ran out of it, more requests' worth of room mends a short KV cache. Where
// nothing is known, more GPUs are taken to help.
func mendsByMemory(before, after *candidate) classes {
	a, b := before.memory.Terms, after.memory.Terms
	var mended classes
	if b.FreeForKV > a.FreeForKV || a.FreeForKV == 0 && after.gpus > before.gpus {
		mended |= setOf(aim.ClassOOM, aim.ClassKVNone, aim.ClassKVShort)
	}
	if shorter(before, after) {
		mended |= setOf(aim.ClassLength)
	}
	cheaper := b.FreeForKV*a.KVNeeded > a.FreeForKV*b.KVNeeded
	if a.KVNeeded == 0 { // the model's KV cache cannot be computed
		cheaper = shorter(before, after) || after.kvValueBytes() < before.kvValueBytes()
	}
	if cheaper {
		mended |= setOf(aim.ClassKVShort)
	}
	return mended
}

// shorter tells whether after has a shorter context, or one that adapts.
func shorter(before, after *candidate) bool {
	a, _ := before.number("max-model-len")
	b, set := after.number("max-model-len")
	return set && (b == 0 && a > 0 || b > 0 && b < a)
}
