package model

// Split says how a replica's GPUs divide a model.
type Split struct {
	Tensor  int  // GPUs that share every layer
	Stages  int  // groups of them, one after the other, each with its part of the layers
	Experts bool // whole experts go to GPUs, instead of a slice of each
}

// Count is the parameters of a model by part, as far as precisions of a
// checkpoint may differ between parts. Norms and biases, which are thousandths,
// are left out.
type Count struct {
	Tables    float64 // embedding and output head
	Attention float64
	State     float64 // layers that keep a state
	Dense     float64
	Shared    float64 // shared experts
	Experts   float64
	Routers   float64
	Extra     float64
}

// Total is all of them.
func (c Count) Total() float64 {
	return c.Tables + c.Attention + c.State + c.Dense + c.Shared + c.Experts + c.Routers + c.Extra
}

// Count is what a server loads.
func (s *Shape) Count() Count {
	c := Count{Tables: s.tables(), Extra: s.Extra}
	for _, k := range s.kinds {
		c.add(k.Layer, s.Hidden, float64(k.Count))
	}
	return c
}

// CountIdle is what is in the files and not loaded.
func (s *Shape) CountIdle() float64 {
	var c Count
	for _, l := range s.Idle {
		c.add(l, s.Hidden, 1)
	}
	return c.Total()
}

// Active is the parameters that one token passes.
func (s *Shape) Active() float64 {
	n := s.Count().Total()
	for _, k := range s.kinds {
		if e := k.Experts; e.Count > 0 {
			n -= float64(k.Count) * float64(max(e.Count-e.Used, 0)) * e.one(s.Hidden)
		}
	}
	return n
}

func (s *Shape) tables() float64 {
	if s.Tied {
		return f(s.Vocab, s.Hidden)
	}
	return 2 * f(s.Vocab, s.Hidden)
}

func (c *Count) add(l Layer, hidden int, n float64) {
	if l.Attends() {
		split, repeated, head := l.Attention.parameters(hidden)
		c.Attention += n * (split + repeated + head*float64(l.Attention.KVHeads))
	}
	c.State += n * l.State.Parameters
	c.Dense += n * l.Dense.parameters(hidden)
	if e := l.Experts; e.Count > 0 {
		c.Experts += n * float64(e.Count) * e.one(hidden)
		c.Shared += n * e.shared(hidden)
		c.Routers += n * e.router(hidden)
	}
}

// Rank is what the fullest rank holds.
func (s *Shape) Rank(by Split) float64 {
	n := float64(max(by.Tensor, 1))
	layers := 0.0
	for _, k := range s.kinds {
		layers += float64(k.Count) * k.Layer.rank(s.Hidden, n, by)
	}
	tables := s.tables()
	if by.Stages > 1 { // the first stage has the embedding, the last one the head
		tables = f(s.Vocab, s.Hidden)
	}
	return (tables+s.Extra)/n + layers*s.StageShare(by.Stages)
}

func (l Layer) rank(hidden int, n float64, by Split) float64 {
	sum := (l.State.Parameters + l.Dense.parameters(hidden)) / n
	if l.Attends() {
		split, repeated, head := l.Attention.parameters(hidden)
		sum += split/n + repeated + head*float64(PerRank(l.Attention.KVHeads, by.Tensor))
	}
	if e := l.Experts; e.Count > 0 {
		sum += e.router(hidden) + e.shared(hidden)/n
		if by.Experts {
			sum += e.one(hidden) * float64(PerRank(e.Count, by.Tensor))
		} else {
			sum += e.one(hidden) * float64(e.Count) / n
		}
	}
	return sum
}

// StageShare is the part of the layers that the longest stage has.
func (s *Shape) StageShare(stages int) float64 {
	n := len(s.Layers)
	if stages <= 1 || n == 0 {
		return 1
	}
	return float64((n+stages-1)/stages) / float64(n)
}

// parameters of one layer: those that ranks share out by heads, those that every
// rank repeats (projections into latents, an indexer), and those of keys and
// values of one KV head, which a rank has whole.
func (a Attention) parameters(hidden int) (split, repeated, kvHead float64) {
	from := hidden // what queries are made of
	if a.QueryLatent > 0 {
		from, repeated = a.QueryLatent, f(hidden, a.QueryLatent)
	}
	split = f(from, a.Heads*a.Key) + a.output(hidden)
	if a.Gated {
		split += f(hidden, a.Heads*a.Value)
	}
	switch {
	case a.Latent > 0:
		repeated += f(hidden, a.Latent+a.Rotary)
		split += f(a.Latent, a.Heads*(a.Key-a.Rotary+a.Value))
	case a.KeyIsValue:
		kvHead = f(hidden, a.Key)
	default:
		kvHead = f(hidden, a.Key+a.Value)
	}
	if a.Compress > 1 {
		repeated += 2 * f(hidden, a.doubled(a.Value)) // entries and their weights
	}
	if a.Index > 0 {
		repeated += f(from, a.IndexHeads*a.Index) + f(hidden, a.IndexHeads)
		if a.Compress > 1 {
			repeated += 2 * f(hidden, a.doubled(a.Index))
		} else {
			repeated += f(hidden, a.Index)
		}
	}
	return split, repeated, kvHead
}

func (a Attention) doubled(n int) int {
	if a.Overlap {
		return 2 * n
	}
	return n
}

// output is the projection back to the hidden state, in groups through a latent
// where there is one.
func (a Attention) output(hidden int) float64 {
	if a.OutLatent > 0 {
		return f(a.Heads*a.Value, a.OutLatent) + f(max(a.OutGroups, 1)*a.OutLatent, hidden)
	}
	return f(a.Heads*a.Value, hidden)
}

func (d Dense) parameters(hidden int) float64 { return float64(d.Matrices) * f(hidden, d.Width) }

// inner is the width of what goes into an expert.
func (e Experts) inner(hidden int) int {
	if e.Hidden > 0 {
		return e.Hidden
	}
	return hidden
}

// one is the parameters of one routed expert.
func (e Experts) one(hidden int) float64 { return float64(e.Matrices) * f(e.inner(hidden), e.Width) }

// shared is those of the shared experts, and of the projections into and out of
// the experts' own width where they have one.
func (e Experts) shared(hidden int) float64 {
	n := float64(e.Matrices) * f(hidden, e.Shared)
	if e.Hidden > 0 {
		n += 2 * f(hidden, e.Hidden)
	}
	return n
}

func (e Experts) router(hidden int) float64 { return f(hidden, e.Count) }

// indexScale is the 32-bit scale beside the 8-bit key that an indexer keeps.
const indexScale = 4

// Keeps is what one layer keeps of one token that it keeps at all, in bytes, on
// each of n ranks. Fewer KV heads than ranks are repeated; a latent is the same
// on every rank (vLLM: 2 × KV heads of the rank × head width; MLA: latent and
// rotary part).
func (a Attention) Keeps(n int, valueBytes float64) float64 {
	if a.Heads == 0 || a.Shared {
		return 0
	}
	index := 0.0
	if a.Index > 0 {
		index = float64(a.Index + indexScale)
	}
	switch {
	case a.Latent > 0:
		return float64(a.Latent+a.Rotary)*valueBytes + index
	case a.Compress > 0: // one vector is key and value of all heads
		return (float64(a.Value)*valueBytes + index) / float64(a.Compress)
	}
	return float64(PerRank(a.KVHeads, n)*(a.Key+a.Value))*valueBytes + index
}

// Complete tells whether the shape says enough to count parameters and memory.
func (s *Shape) Complete() bool { return s != nil && len(s.kinds) > 0 && s.Hidden > 0 && s.Vocab > 0 }

// KeepsKV tells whether a request needs a cache.
func (s *Shape) KeepsKV() bool { return s != nil && !s.Encoder && len(s.kinds) > 0 }

// PerRank divides heads, or experts, over ranks; fewer heads than ranks are
// repeated.
func PerRank(heads, ranks int) int {
	ranks = max(ranks, 1)
	return max(1, (heads+ranks-1)/ranks)
}

// f multiplies counts that together may exceed an int, but not a float64.
func f(a, b int) float64 { return float64(a) * float64(b) }
