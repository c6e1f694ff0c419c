package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim/recipes/internal/text"
)

// Shape is a model layer by layer: everything that parameters, weights of a
// rank and KV cache are counted from. A hybrid of twelve layers may look so:
//
//	layers 0..8   state 2.1 MiB          dense 6144
//	layers 9..11  attends, 2 KV of 128   64 experts of 1024, 4 used, 1 shared
//
// It is made by FromConfig or of a model file, and not changed afterwards.
type Shape struct {
	Hidden      int // width between layers
	Vocab       int
	Layers      []Layer // that a server loads, in the order that a token passes them
	Tied        bool    // output head and embedding are one matrix
	Encoder     bool    // reads a text at once and keeps no KV cache
	MaxPosition int     // longest context, in tokens; 0 = not known

	// Idle are layers of the checkpoint that predict further tokens. They are
	// in its files and are not loaded.
	Idle []Layer
	// Extra are parameters beside the layers: vision and audio towers,
	// embeddings of single layers.
	Extra float64

	Exact bool     // no count rests on a guess
	Notes []string // what was passed over, guessed or not counted, for people

	kinds []Kind
	total float64
}

// Layer is one layer. Two layers with the same fields are of the same kind.
type Layer struct {
	Attention Attention // zero Heads = it does not attend
	State     State     // zero Bytes = it keeps no state
	Dense     Dense     // zero Width = it has no dense part
	Experts   Experts   // zero Count = it has no experts
}

// Attention is how a layer looks at other tokens and what it keeps of them.
type Attention struct {
	Heads   int // of queries
	KVHeads int // of keys and values; 1 with a latent, which all heads share
	Key     int // width of a query and a key of one head
	Value   int // width of a value of one head
	Gated   bool
	// KeyIsValue: values are the keys, so there is no projection for them. The
	// cache keeps both all the same.
	KeyIsValue bool

	Window int  // tokens that it looks at; 0 = all
	Shared bool // it uses the cache of another layer and keeps nothing

	// Of multi-head latent attention (MLA): queries come out of a vector of
	// QueryLatent (0 = straight from the hidden state), keys and values out of
	// one of Latent with a rotary part of Rotary. The cache keeps the latent.
	QueryLatent, Latent, Rotary int
	// OutLatent and OutGroups: the output goes through narrow projections.
	OutLatent, OutGroups int

	// Index is the indexer of sparse attention, which picks the tokens that are
	// looked at; it keeps one key of this width for each. 0 = none.
	Index, IndexHeads int
	// Compress: one entry is kept for so many tokens. 0 and 1 = for each.
	Compress int
	// Overlap: an entry is made of twice as many tokens.
	Overlap bool
}

// State is what a layer keeps of a request whatever its length.
type State struct {
	Name       string  // "mamba", "delta", "convolution" ..., for people
	Bytes      float64 // of one request, over all GPUs
	Parameters float64 // of the layer's mixing part
	Width      int     // of its widest intermediate, for activations
}

// Dense is a feed-forward part that every token passes.
type Dense struct {
	Width    int
	Matrices int // 3 with a gate, else 2
}

// Experts is a feed-forward part of which a token passes Used experts and all
// of the shared ones.
type Experts struct {
	Count, Used int
	Width       int
	Matrices    int
	Hidden      int // width of what goes into an expert, where it is not the model's
	Shared      int // width of all shared experts together
}

// Kind is a kind of layer, and how many there are of it.
type Kind struct {
	Layer
	Count int
	First int // number of the first one, from 0
}

// seal groups the layers by kind.
func (s *Shape) seal() *Shape {
	at := map[Layer]int{}
	for i, l := range s.Layers {
		k, ok := at[l]
		if !ok {
			k = len(s.kinds)
			at[l] = k
			s.kinds = append(s.kinds, Kind{Layer: l, First: i})
		}
		s.kinds[k].Count++
	}
	s.total = s.Count().Total()
	return s
}

// Total is the number of parameters that a server loads.
func (s *Shape) Total() float64 { return s.total }

// Kinds lists the kinds of layers, in the order of their first one.
func (s *Shape) Kinds() []Kind {
	if s == nil {
		return nil
	}
	return s.kinds
}

// Attends tells whether the layer looks at other tokens.
func (l Layer) Attends() bool { return l.Attention.Heads > 0 }

// IsMoE tells whether a layer has experts.
func (s *Shape) IsMoE() bool {
	return slices.ContainsFunc(s.Kinds(), func(k Kind) bool { return k.Experts.Count > 0 })
}

// Describe names each kind of layer in a line.
func (s *Shape) Describe() []string {
	var all []string
	for _, k := range s.Kinds() {
		all = append(all, fmt.Sprintf("%d × %s", k.Count, k.Layer))
	}
	return all
}

// String says what a layer is in a few words.
func (l Layer) String() string {
	var parts []string
	if l.Attends() {
		parts = append(parts, l.Attention.String())
	}
	if l.State.Bytes > 0 {
		parts = append(parts, fmt.Sprintf("%s with a state of %s", l.State.Name, text.MiB(l.State.Bytes)))
	}
	if l.Dense.Width > 0 {
		parts = append(parts, fmt.Sprintf("dense %d", l.Dense.Width))
	}
	if e := l.Experts; e.Count > 0 {
		word := fmt.Sprintf("%d experts of %d, %d used", e.Count, e.Width, e.Used)
		if e.Shared > 0 {
			word += fmt.Sprintf(", shared %d", e.Shared)
		}
		parts = append(parts, word)
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " + ")
}

func (a Attention) String() string {
	word := "full attention"
	switch {
	case a.Compress > 1:
		word = fmt.Sprintf("attention compressed 1:%d", a.Compress)
	case a.Window > 0:
		word = fmt.Sprintf("attention to %s", text.Tokens(a.Window))
	}
	switch {
	case a.Shared:
		word += ", cache of another layer"
	case a.Latent > 0:
		word += fmt.Sprintf(", latent %d", a.Latent+a.Rotary)
	case a.Compress > 0:
		word += fmt.Sprintf(", entries of %d", a.Value)
	case a.Key == a.Value:
		word += fmt.Sprintf(", %d KV heads of %d", a.KVHeads, a.Key)
	default:
		word += fmt.Sprintf(", %d KV heads of %d and %d", a.KVHeads, a.Key, a.Value)
	}
	if a.Index > 0 {
		word += ", indexed"
	}
	return word
}
