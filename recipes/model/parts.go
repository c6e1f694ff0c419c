package model

// split says how a replica's GPUs divide a model.
type Split struct {
	Tensor  int  // GPUs that share every layer
	Stages  int  // groups of them, one after the other, each with its part of the layers
	Experts bool // whole experts go to GPUs, instead of a slice of each
}

// parts are the parameters of a model by what happens to them: norms and
// biases, which are thousandths, are left out.
type parts struct {
	table     float64 // one of embedding and output head
	tables    int     // 1 where they are one matrix
	attention float64 // of all layers
	repeated  float64 // of all layers, on every GPU: routers, projections into MLA's latents
	kvHead    float64 // of all layers: keys and values of one KV head
	linear    float64 // layers of linear attention
	dense     float64 // feed-forward of layers without experts, and shared experts
	expert    float64 // one expert of each layer that has some
	experts   int
	extra     float64 // vision tower and the like
	idle      float64 // in the checkpoint, but not loaded: layers that predict more tokens
}

// parts counts the parameters of the shape.
func (a *Architecture) parts() parts {
	p := parts{table: f(a.Vocab, a.Hidden), tables: 2, extra: float64(a.Extra), experts: a.Experts}
	if a.Tied {
		p.tables = 1
	}
	moe := a.moeLayers()
	expert := 3 * f(a.Hidden, a.ExpertWidth)
	p.dense = float64(a.Layers-moe)*a.matrices()*f(a.Hidden, a.FeedForward()) + float64(moe*a.SharedExperts)*expert
	p.expert = float64(moe) * expert
	p.repeated = float64(moe) * f(a.Hidden, a.Experts)
	attending := float64(a.Layers)
	if a.Linear != nil {
		attending -= float64(a.Linear.Layers)
		p.linear = float64(a.Linear.Layers) * float64(a.Linear.Parameters)
	}
	if a.MLA != nil {
		shared, repeated := a.latentAttention()
		p.attention, p.repeated = attending*shared, p.repeated+attending*repeated
	} else {
		p.attention = attending * a.Queries() * f(a.Hidden, a.Heads*a.HeadDim)
		p.kvHead = attending * 2 * f(a.Hidden, a.HeadDim)
	}
	if a.Layers > 0 { // such a layer is built like the last one
		p.idle = float64(a.MTPLayers) / float64(a.Layers) * (p.attention + p.kvHead*float64(a.KVHeads))
		if moe > 0 {
			p.idle += float64(a.MTPLayers) * expert * float64(a.Experts+a.SharedExperts)
		}
	}
	return p
}

// queries is how many matrices of all heads' width a layer has besides keys
// and values: queries and output, and the gate of some.
func (a *Architecture) Queries() float64 {
	if a.Gated {
		return 3
	}
	return 2
}

// matrices is how many a feed-forward layer has: up, down, and the gate that
// encoders of the older kind lack.
func (a *Architecture) matrices() float64 {
	if a.Encoder {
		return 2
	}
	return 3
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

// total is what a server loads.
func (p parts) total(kvHeads int) float64 {
	return float64(p.tables)*p.table + p.attention + p.repeated + p.kvHead*float64(kvHeads) + p.linear +
		p.dense + p.expert*float64(p.experts) + p.extra
}

// parameters counts what the fullest rank holds and what the model has.
func (a *Architecture) Parameters(s Split) (rank, total float64) {
	p, n := a.parts(), float64(max(s.Tensor, 1))
	layers := (p.attention+p.linear+p.dense)/n + p.repeated + p.kvHead*float64(HeadsPerRank(a.KVHeads, s.Tensor))
	if s.Experts {
		layers += p.expert * float64(HeadsPerRank(p.experts, s.Tensor))
	} else {
		layers += p.expert * float64(p.experts) / n
	}
	tables := float64(p.tables)
	if s.Stages > 1 {
		tables = 1 // the first stage has the embedding, the last one the head
	}
	return (tables*p.table+p.extra)/n + layers*a.StageShare(s.Stages), p.total(a.KVHeads)
}

// stageShare is the part of the layers that the longest stage has.
func (a *Architecture) StageShare(stages int) float64 {
	if stages <= 1 || a.Layers == 0 {
		return 1
	}
	return float64((a.Layers+stages-1)/stages) / float64(a.Layers)
}

// moeLayers counts the layers with experts.
func (a *Architecture) moeLayers() int {
	if a.Experts == 0 {
		return 0
	}
	return (a.Layers - a.DenseLayers) / max(a.MoEEvery, 1)
}

// denseWidth is the width of the feed-forward part of layers without experts.
func (a *Architecture) FeedForward() int {
	if a.DenseWidth > 0 {
		return a.DenseWidth
	}
	return a.Intermediate
}

// complete tells whether the shape says enough to count parameters and memory.
func (a *Architecture) Complete() bool {
	if a == nil || a.Layers == 0 || a.Hidden == 0 || a.Heads == 0 || a.Vocab == 0 {
		return false
	}
	if a.Experts > 0 && (a.ExpertWidth == 0 || a.ExpertsUsed == 0) {
		return false
	}
	return (a.KeepsKV() || a.Encoder) && (a.Experts > 0 || a.Intermediate > 0)
}

// keepsKV tells whether the shape says enough to count the KV cache. An
// encoder has none.
func (a *Architecture) KeepsKV() bool {
	return a != nil && !a.Encoder && a.Layers > 0 && (a.MLA != nil || a.KVHeads > 0 && a.HeadDim > 0)
}

// f multiplies counts that together exceed an int on no machine we run on, but
// stay in float64 like everything they are added to.
func f(a, b int) float64 { return float64(a) * float64(b) }

// HeadsPerRank divides heads, or experts, over ranks; fewer heads than ranks
// are repeated.
func HeadsPerRank(heads, ranks int) int {
	ranks = max(ranks, 1)
	return max(1, (heads+ranks-1)/ranks)
}
