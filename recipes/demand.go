package recipes

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

// demand is what the candidate asks of GPUs with so much memory.
func (c candidate) demand(vram uint64) Demand {
	d := Demand{
		Architecture: c.target.model.Architecture,
		GPUs:         c.gpus,
		TotalBytes:   float64(vram),
		KVValueBytes: c.kvValueBytes(),
		NeededBytes:  float64(c.recipe.Hardware.Memory),
		Eager:        c.table.Has(c.opts, "enforce-eager"),
	}
	d.WeightBytes, d.Basis = c.weightBytes()
	d.Length, _ = c.number("max-model-len")
	d.StepTokens, _ = c.number("max-num-batched-tokens")
	d.Sequences, _ = c.number("max-num-seqs")
	d.BlockTokens, _ = c.number("block-size")
	if o, ok := c.table.Get(c.opts, "gpu-memory-utilization"); ok {
		d.Utilization, _ = strconv.ParseFloat(o.Value, 64) // checked by the table
	}
	if n, ok := c.number("kv-cache-memory-bytes"); ok {
		d.KVBytes = float64(n)
	}
	return d
}

// weightBytes is the size of the checkpoint: published, computed, or the
// model's parameters at the recipe's precision. 0 when nothing is known.
func (c candidate) weightBytes() (bytes float64, basis string) {
	if cp, ok := c.target.model.checkpoint(c.repo); ok && cp.Bytes > 0 {
		kind := "size"
		if cp.Estimated {
			kind = "estimated size"
		}
		return float64(cp.Bytes), fmt.Sprintf("%s of %s: %s", kind, c.repo, cp.Source)
	}
	if n := c.target.model.Parameters; n > 0 {
		return float64(n) * bytesPer(c.precision), fmt.Sprintf("%.1f billion parameters at %g bytes (%s): %s",
			float64(n)/1e9, bytesPer(c.precision), c.precision, c.target.model.Source)
	}
	return 0, ""
}

// kvValueBytes is the size of one value of the KV cache.
func (c candidate) kvValueBytes() float64 {
	o, _ := c.table.Get(c.opts, "kv-cache-dtype")
	dtype, _ := c.table.Get(c.opts, "dtype")
	switch {
	case strings.HasPrefix(o.Value, "fp8"), strings.HasPrefix(o.Value, "int8"):
		return 1
	case strings.HasPrefix(o.Value, "int4"), o.Value == "nvfp4":
		return 0.5
	case dtype.Value == "float32" || dtype.Value == "float":
		return 4
	}
	return 2
}

// estimated returns the candidate with its memory judged on the smallest GPUs
// of its type that do, of those that a node has enough of. why is set when
// there is no such node, or nothing fits.
func (c candidate) estimated(h hardware) (fitted candidate, why string) {
	offers := h.of(c.gpuType)
	if len(offers) == 0 {
		return c, fmt.Sprintf("it is for %s; %s", c.gpuType, h)
	}
	if most := h.most(c.gpuType); most < c.gpus {
		return c, fmt.Sprintf("it needs %d %s on one node; the largest node has %d", c.gpus, c.gpuType, most)
	}
	for _, o := range offers {
		if o.count < c.gpus {
			continue
		}
		e := Estimate(c.demand(o.vram))
		if fitted.memory.Terms == nil || better(e.Verdict, fitted.memory.Verdict) {
			fitted = c
			fitted.memory = e
		}
	}
	if fitted.memory.Verdict == aim.VerdictNo {
		return fitted, fmt.Sprintf("it does not fit on %s of %s: %s", gpuCount(c.gpus), gib(fitted.memory.Terms["total"]), fitted.memory.Why)
	}
	return fitted, ""
}

// verdictRank orders verdicts, best first. "" is an estimate that could not be
// made.
var verdictRank = map[aim.Verdict]int{aim.VerdictFits: 0, aim.VerdictNarrow: 1, "": 2, aim.VerdictNo: 3}

func better(a, b aim.Verdict) bool { return verdictRank[a] < verdictRank[b] }

// shortened is the candidate with a context as long as fits, for one whose
// recipe or model asks for more than the GPUs hold. A length that the user
// asked for is not cut.
func (c candidate) shortened(h hardware) (fitted candidate, why string) {
	for _, key := range c.fixed {
		if key == "max-model-len" {
			return c, "the length was asked for"
		}
	}
	before, _ := c.number("max-model-len")
	c = c.with(aim.Option{Name: "max-model-len", Value: "auto"})
	c.short = true
	c.adapted = append(append([]string(nil), c.adapted...), fmt.Sprintf("with a context as long as fits instead of %s", tokens(before)))
	return c.estimated(h)
}
