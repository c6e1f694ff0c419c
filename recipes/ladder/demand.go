package ladder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/estimate"
	"github.com/aim-engine/aim/recipes/internal/text"
	"github.com/aim-engine/aim/recipes/model"
)

// demand is what the candidate asks of GPUs with so much memory.
func (c *candidate) demand(vram uint64) estimate.Demand {
	d := estimate.Demand{
		Shape:        c.target.model.Shape,
		GPUs:         c.gpus,
		Stages:       c.stages,
		TotalBytes:   float64(vram),
		KVValueBytes: c.kvValueBytes(),
		NeededBytes:  float64(c.recipe.Hardware.Memory),
		WeightBytes:  c.weightBytes(),
	}
	d.Read(c.table, c.opts)
	if c.recipe.Backend == "tgi" && d.StepTokens == 0 {
		d.StepTokens = d.Length // a prompt is read in one step
	}
	if c.recipe.Backend == "sglang" {
		// Its share is of weights and KV cache alone: a step comes on top of it.
		d.Utilization = min(1, d.Utilization+d.Activations()/max(d.TotalBytes, 1))
	}
	return d.InShare(c.spec.GPUMemory)
}

// weightBytes is the size of the checkpoint: published, computed, or the
// model's parameters at the recipe's precision. 0 when nothing is known.
func (c *candidate) weightBytes() float64 {
	if cp, ok := c.target.model.Checkpoint(c.repo); ok && cp.Bytes > 0 {
		return float64(cp.Bytes)
	}
	return float64(c.target.model.Parameters) * model.BytesPer(c.precision)
}

// basis tells where the size comes from.
func (c *candidate) basis() string {
	m := c.target.model
	if cp, ok := m.Checkpoint(c.repo); ok && cp.Bytes > 0 {
		kind := "size"
		if cp.Estimated {
			kind = "estimated size"
		}
		return fmt.Sprintf("%s of %s: %s", kind, c.repo, cp.Source)
	}
	if m.Parameters == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f billion parameters at %g bytes (%s): %s", float64(m.Parameters)/1e9, model.BytesPer(c.precision), c.precision, m.Source)
}

// kvValueBytes is the size of one value of the KV cache.
func (c *candidate) kvValueBytes() float64 {
	o, _ := c.table.Get(c.opts, "kv-cache-dtype")
	dtype, _ := c.table.Get(c.opts, "dtype")
	switch {
	case (o.Value == "" || o.Value == "auto") && c.target.traits != nil && c.target.traits.Quant.KVCache == "fp8":
		return 1 // what "auto" makes of a checkpoint with scales for it
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
		return c, h.lacks(c.gpuType)
	}
	if most := h.most(c.gpuType); most < c.gpus {
		return c, fmt.Sprintf("it needs %d %s on one node; the largest node has %d", c.gpus, c.gpuType, most)
	}
	least := uint64(c.recipe.Match.MinVRAM)
	if !slices.ContainsFunc(offers, func(o offer) bool { return o.vram == 0 || o.vram >= least }) {
		return c, fmt.Sprintf("it is for GPUs with at least %s; %s", text.GiB(float64(least)), h)
	}
	tried := false
	for _, o := range offers {
		if o.count < c.gpus || o.vram > 0 && o.vram < least {
			continue
		}
		j := estimate.Judge(c.demand(o.vram))
		if !tried || better(j.Verdict, fitted.memory.Verdict) {
			fitted, tried = c, true
			fitted.memory = j
		}
	}
	if fitted.memory.Verdict == aim.VerdictNo {
		return fitted, fmt.Sprintf("it does not fit on %s of %s: %s", gpuCount(c.gpus), text.GiB(fitted.memory.Terms.Total), fitted.memory.Why())
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
		if c.table.Word(key) == "max-model-len" {
			return c, "the length was asked for"
		}
	}
	before, _ := c.number("max-model-len")
	c = c.with(aim.Option{Name: "max-model-len", Value: "auto"})
	if problems := c.table.Check(c.opts); len(problems) > 0 {
		return c, problems[0].String() // only vLLM finds the length by itself
	}
	c.short = true
	c.adapted = append(append([]string(nil), c.adapted...), fmt.Sprintf("with a context as long as fits instead of %s", text.Tokens(before)))
	return c.estimated(h)
}
