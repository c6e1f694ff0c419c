package ladder

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// rank sorts candidates, best first. The order of the terms is the order of
// importance; the last one, the id, makes it total.
func rank(candidates []*candidate) {
	for _, c := range candidates {
		c.ranks = [...]int{c.metricRank(), c.rough, c.evidenceRank(), c.precisionRank(), c.memoryRank(), c.waitRank(), c.gpus}
	}
	slices.SortFunc(candidates, func(a, b *candidate) int {
		return cmp.Or(slices.Compare(a.ranks[:], b.ranks[:]), strings.Compare(a.recipe.ID, b.recipe.ID))
	})
}

// metricRank: tuned for what was asked, for both, for the other.
func (c *candidate) metricRank() int {
	switch {
	case c.spec.Metric == "" || c.recipe.Metric == c.spec.Metric:
		return 0
	case c.recipe.Metric == "":
		return 1
	}
	return 2
}

// evidenceRank: by the publisher's word, surest first; published without a
// word; without evidence.
func (c *candidate) evidenceRank() int {
	words := recipe.Maturities()
	if i := slices.Index(words, c.recipe.Maturity); i >= 0 {
		return i
	}
	if len(c.recipe.Evidence) > 0 {
		return len(words)
	}
	return len(words) + 1
}

// precisions are in the order of preference.
var precisions = []string{"bf16", "fp16", "fp8", "int8", "mxfp6", "mxfp4", "fp4", "nvfp4", "int4", "fp32"}

// precisionRank: 16 bit keeps the model's quality, fewer bits give some of it
// up, and 32 bit buys nothing for twice the memory.
func (c *candidate) precisionRank() int {
	if family := model.PrecisionFamily(c.precision); family == "16 bit" {
		return 0
	}
	return slices.Index(precisions, c.precision)
}

// waitRank: on GPUs that are free now, only on some that others use.
func (c *candidate) waitRank() int {
	if c.freeNow {
		return 0
	}
	return 1
}

// memoryRank: fits, narrow, not known, only with a shorter context.
func (c *candidate) memoryRank() int {
	if c.short {
		return len(verdictRank)
	}
	return verdictRank[c.memory.Verdict]
}
