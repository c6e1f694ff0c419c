package estimate

import "github.com/aim-engine/aim/recipes/model"

// Bytes of values in a step.
const (
	wide = 2 // a 16-bit value
	// logitBytes is what the sampler holds of each logit at its peak: the
	// model's 16-bit value, its 32-bit copy, and the sorted values with their
	// 64-bit places and probabilities that top-k and top-p need.
	logitBytes = 2 + 4 + 4 + 8 + 4
)

// Activations is the peak of one step with StepTokens tokens in 16 bit: four
// copies of the hidden states (residual, normed, block output and its reduced
// copy) and the widest of attention, feed-forward and experts; or, after the
// layers, the logits of all sequences, which every rank gathers.
//
// A check from outside: MiniMax-M2 in FP8 on two MI300X with vLLM 0.17.1 left
// 58.8 GiB of 172.8 for the KV cache beside about 107 GiB of weights
// (vllm-project/recipes pull request 273: 497,600 tokens).
func (d Demand) Activations() float64 {
	if !d.Shape.Complete() {
		return blindStep * max(1, float64(d.StepTokens)/blindTokens)
	}
	s, n, t := d.Shape, float64(max(d.GPUs, 1)), float64(d.StepTokens)
	widest := 0.0
	for _, k := range s.Kinds() {
		widest = max(widest, d.attention(k.Attention, n), float64(k.State.Width)/n, 3*float64(k.Dense.Width)/n+d.experts(k.Experts, n))
	}
	layer := wide * t * (4*float64(s.Hidden) + widest)
	if s.Encoder {
		return layer
	}
	logits := float64(min(d.Sequences, max(d.StepTokens, 1)))*float64(s.Vocab)*logitBytes + wide*t*float64(s.Hidden)
	return max(layer, logits)
}

// attention is the values of one token: queries, keys, values, what comes out of
// the heads, and the gate of some.
func (d Demand) attention(a model.Attention, n float64) float64 {
	wide := 2.0
	if a.Gated {
		wide = 3
	}
	return wide*float64(a.Heads*a.Key)/n + float64(model.PerRank(a.KVHeads, d.GPUs)*(a.Key+a.Value))
}

// experts is those of one token in the experts that it passes.
func (d Demand) experts(e model.Experts, n float64) float64 {
	if e.Count == 0 {
		return 0
	}
	inner := d.Shape.Hidden
	if e.Hidden > 0 {
		inner = e.Hidden
	}
	return float64(e.Used)*(3*float64(e.Width)/n+float64(inner)) + 3*float64(e.Shared)/n
}
