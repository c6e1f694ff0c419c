package recipes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

// dtypes names the compute types of the 16-bit precisions.
var dtypes = map[string]string{"bf16": "bfloat16", "fp16": "float16"}

// computing returns the candidate with another precision of the same weights.
func (c candidate) computing(precision string) candidate {
	if dtype, ok := dtypes[precision]; ok && !slices.Contains(c.fixed, "dtype") {
		c = c.with(aim.Option{Name: "dtype", Value: dtype})
	}
	c.adapted = append(slices.Clone(c.adapted), fmt.Sprintf("computing in %s instead of %s", precision, c.precision))
	c.precision, c.rough = precision, c.rough+1
	return c
}

// on returns the candidate on other GPUs than its recipe names.
func (c candidate) on(gpuType string, gpus int) candidate {
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
func (c candidate) divides() (ok bool, why string) {
	a := c.target.model.Architecture
	if a == nil || a.Heads == 0 {
		return true, ""
	}
	if a.Heads%c.gpus != 0 {
		return false, fmt.Sprintf("its %d attention heads cannot be divided by %d GPUs; %s can be used", a.Heads, c.gpus, validCounts(a))
	}
	if a.MLA == nil && a.KVHeads > 0 && a.KVHeads%c.gpus != 0 && c.gpus%a.KVHeads != 0 {
		return false, fmt.Sprintf("its %d KV heads can be neither divided by %d GPUs nor repeated on them; %s can be used", a.KVHeads, c.gpus, validCounts(a))
	}
	return true, ""
}

// validCounts lists the GPU counts of one machine that divide the heads.
func validCounts(a *Architecture) string {
	var counts []string
	for n := 1; n <= assumedCount; n++ {
		kv := a.MLA != nil || a.KVHeads == 0 || a.KVHeads%n == 0 || n%a.KVHeads == 0
		if a.Heads%n == 0 && kv {
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
