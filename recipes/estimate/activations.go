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
	if !d.Architecture.Complete() {
		return blindStep * max(1, float64(d.StepTokens)/blindTokens)
	}
	a, n, t := d.Architecture, float64(max(d.GPUs, 1)), float64(d.StepTokens)
	heads := float64(a.Heads) / n * float64(a.HeadDim)
	attention := a.Queries()*heads + 2*float64(model.HeadsPerRank(a.KVHeads, d.GPUs)*a.HeadDim)
	dense := 3 * float64(a.FeedForward()) / n
	experts := 0.0
	if a.Experts > 0 {
		experts = float64(a.ExpertsUsed)*(3*float64(a.ExpertWidth)/n+float64(a.Hidden)) + 3*float64(a.SharedExperts*a.ExpertWidth)/n
	}
	layer := wide * t * (4*float64(a.Hidden) + max(attention, dense, experts))
	if a.Encoder {
		return layer
	}
	logits := float64(min(d.Sequences, max(d.StepTokens, 1)))*float64(a.Vocab)*logitBytes + wide*t*float64(a.Hidden)
	return max(layer, logits)
}
