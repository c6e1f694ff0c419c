package ladder

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/model"
)

// computing returns the candidate with another precision of the same weights.
func (c candidate) computing(precision string) candidate {
	if dtype, ok := model.Dtypes[precision]; ok && !slices.Contains(c.fixed, "dtype") {
		c = c.with(aim.Option{Name: "dtype", Value: dtype})
	}
	c.adapted = append(slices.Clone(c.adapted), fmt.Sprintf("computing in %s instead of %s", precision, c.precision))
	c.precision, c.rough = precision, c.rough+1
	return c
}

// on returns the candidate on other GPUs than its recipe names.
func (c candidate) on(gpuType string, gpus int) candidate {
	if slices.Contains(c.recipe.Match.GPUTypes, gpuType) {
		c.gpuType = gpuType
	}
	if gpuType != c.gpuType {
		c.adapted = append(slices.Clone(c.adapted), fmt.Sprintf("written for %s, which has the same architecture and no more memory", c.gpuType))
		c.gpuType, c.rough = gpuType, c.rough+1
	}
	if gpus != c.gpus {
		c.adapted = append(slices.Clone(c.adapted), fmt.Sprintf("written for %s, not measured on %s", gpuCount(c.gpus), gpuCount(gpus)))
		c.gpus, c.rough = gpus, c.rough+2
	}
	return c
}

// divides tells whether the model can be split over the GPUs, and if not why.
func (c *candidate) divides() (ok bool, why string) {
	why = c.undivided(c.gpus)
	if why == "" {
		return true, ""
	}
	return false, fmt.Sprintf("%s; %s can be used", why, c.validCounts())
}

// undivided tells what keeps the model from being split over n GPUs, "" for
// nothing. vLLM refuses heads that do not divide, and slices of a quantized
// matrix that would cut a block of weights with a common scale.
func (c *candidate) undivided(n int) string {
	shape := c.target.model.Shape
	if shape == nil || n < 1 {
		return ""
	}
	quantized := c.target.traits != nil && c.target.traits.Quant.Block > 0 && !c.table.Has(c.opts, "enable-expert-parallel")
	for _, k := range shape.Kinds() {
		a := k.Attention
		switch {
		case a.Heads%n != 0:
			return fmt.Sprintf("its %d attention heads cannot be divided by %d GPUs", a.Heads, n)
		case a.Latent == 0 && a.KVHeads > 0 && a.KVHeads%n != 0 && n%a.KVHeads != 0:
			return fmt.Sprintf("its %d KV heads can be neither divided by %d GPUs nor repeated on them", a.KVHeads, n)
		case !quantized:
			continue
		}
		block := c.target.traits.Quant.Block
		for _, width := range []int{k.Dense.Width, k.Experts.Width} {
			if width%(n*block) != 0 {
				return fmt.Sprintf("a width of %d cannot be divided over %d GPUs in whole quantization blocks of %d", width, n, block)
			}
		}
	}
	return ""
}

// validCounts lists the GPU counts of one machine that divide the model.
func (c *candidate) validCounts() string {
	var counts []string
	for n := 1; n <= assumedCount; n++ {
		if c.undivided(n) == "" {
			counts = append(counts, strconv.Itoa(n))
		}
	}
	return strings.Join(counts, ", ") + " GPUs"
}

func gpuCount(n int) string {
	if n == 1 {
		return "1 GPU"
	}
	return strconv.Itoa(n) + " GPUs"
}
