package recipes

// parameters counts what a rank of n holds and what the model has, without
// norms and biases, which are thousandths. n = 1 gives the same number twice.
func (a *Architecture) parameters(n int) (rank, total float64) {
	embed := f(a.Vocab, a.Hidden)
	if !a.Tied {
		embed *= 2
	}
	rank, total = embed/float64(n), embed
	add := func(count int, shared, repeated float64) {
		rank += float64(count) * (shared/float64(n) + repeated)
		total += float64(count) * (shared + repeated)
	}
	moe := a.moeLayers()
	add(a.Layers-moe, 3*f(a.Hidden, a.denseWidth()), 0)
	add(moe, 3*f(a.Hidden, a.ExpertWidth)*float64(a.Experts+a.SharedExperts), f(a.Hidden, a.Experts)) // the router is repeated
	if a.MLA != nil {
		shared, repeated := a.latentAttention()
		add(a.Layers, shared, repeated)
		return rank, total
	}
	add(a.Layers, 2*f(a.Hidden, a.Heads*a.HeadDim), 0) // queries and output
	// Keys and values: KV heads are repeated where there are fewer than ranks.
	rank += float64(a.Layers) * 2 * f(a.Hidden, headsPerRank(a.KVHeads, n)*a.HeadDim)
	total += float64(a.Layers) * 2 * f(a.Hidden, a.KVHeads*a.HeadDim)
	return rank, total
}

// latentAttention counts one layer of MLA: projections down to the latents are
// repeated on every rank, those up from them are shared out by heads.
func (a *Architecture) latentAttention() (shared, repeated float64) {
	m := a.MLA
	repeated = f(a.Hidden, m.KVLora+m.RoPE)
	shared = f(m.KVLora, a.Heads*(m.NoPE+m.V)) + f(a.Heads*m.V, a.Hidden)
	if m.QLora == 0 {
		return shared + f(a.Hidden, a.Heads*(m.NoPE+m.RoPE)), repeated
	}
	return shared + f(m.QLora, a.Heads*(m.NoPE+m.RoPE)), repeated + f(a.Hidden, m.QLora)
}

// moeLayers counts the layers with experts.
func (a *Architecture) moeLayers() int {
	if a.Experts == 0 {
		return 0
	}
	return (a.Layers - a.DenseLayers) / max(a.MoEEvery, 1)
}

// denseWidth is the width of the feed-forward part of layers without experts.
func (a *Architecture) denseWidth() int {
	if a.DenseWidth > 0 {
		return a.DenseWidth
	}
	return a.Intermediate
}

// complete tells whether the shape says enough to count parameters and memory.
func (a *Architecture) complete() bool {
	if a == nil || a.Layers == 0 || a.Hidden == 0 || a.Heads == 0 || a.Vocab == 0 {
		return false
	}
	if a.Experts > 0 && (a.ExpertWidth == 0 || a.ExpertsUsed == 0) {
		return false
	}
	return a.keepsKV() && (a.Experts > 0 || a.Intermediate > 0)
}

// keepsKV tells whether the shape says enough to count the KV cache. Models
// with layers of linear attention do not: their layers are left out.
func (a *Architecture) keepsKV() bool {
	return a != nil && a.Layers > 0 && (a.MLA != nil || a.KVHeads > 0 && a.HeadDim > 0)
}

// weights is what one rank holds of the checkpoint. Quantized checkpoints keep
// embedding and head wider than the rest; both are shared out, so the
// checkpoint's bytes are divided like its parameters.
func (d Demand) weights() float64 {
	if !d.Architecture.complete() {
		return d.WeightBytes / float64(max(d.GPUs, 1))
	}
	rank, total := d.Architecture.parameters(max(d.GPUs, 1))
	return d.WeightBytes * rank / total
}

// activations is the peak of one step with StepTokens tokens in 16 bit: four
// copies of the hidden states (residual, normed, block output and its reduced
// copy) and the widest of attention, feed-forward and experts, or, after the
// layers, the logits of all sequences in 16 bit and their two 32-bit copies
// for sampling.
func (d Demand) activations() float64 {
	if !d.Architecture.complete() {
		return blindStep * max(1, float64(d.StepTokens)/blindTokens)
	}
	const wide = 2 // bytes of a 16-bit value
	a, n, t := d.Architecture, float64(max(d.GPUs, 1)), float64(d.StepTokens)
	heads := float64(a.Heads) / n * float64(a.HeadDim)
	attention := 2*heads + 2*float64(headsPerRank(a.KVHeads, d.GPUs)*a.HeadDim)
	dense := 3 * float64(a.denseWidth()) / n
	experts := 0.0
	if a.Experts > 0 {
		experts = float64(a.ExpertsUsed)*(3*float64(a.ExpertWidth)/n+float64(a.Hidden)) + 3*float64(a.SharedExperts*a.ExpertWidth)/n
	}
	layer := wide * t * (4*float64(a.Hidden) + max(attention, dense, experts))
	logits := f(d.Sequences, a.Vocab)*(wide+4+4) + wide*t*float64(a.Hidden)
	return max(layer, logits)
}

// f multiplies counts that together exceed an int on no machine we run on, but
// stay in float64 like everything they are added to.
func f(a, b int) float64 { return float64(a) * float64(b) }
