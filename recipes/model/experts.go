package model

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// feeds reads the feed-forward parts.
type feeds struct {
	t                        fields
	inner                    perLayer
	denseWidth               int
	matrices                 int
	count, used, width       perLayer
	shared                   perLayer
	sharedWidth, expertInner int
	beside                   bool // layers with experts have a dense part, too
	sparse                   func(i int) bool
}

func readFeeds(t fields, n, hidden int) feeds {
	d := feeds{t: t, inner: t.layerwise(n, namesOfInner...), denseWidth: t.number(namesOfDenseWidth...), matrices: 2}
	if gatedFeed(t) {
		d.matrices = 3
	}
	if !d.inner.known() {
		if rate := t.real(namesOfInnerRate...); rate > 0 && rate < 64 {
			d.inner.all = int(rate * float64(hidden))
		} else if t.has("n_embd") {
			d.inner.all = 4 * hidden // GPT-2 and those after it
		}
	}
	if t.flag("block_auto_adjust_ff_dim", false) {
		d.inner.all = adjusted(t, d.inner.at(0))
	}
	d.count = t.layerwise(n, namesOfExperts...)
	d.used = t.layerwise(n, namesOfExpertsUsed...)
	d.width = t.layerwise(n, namesOfExpertWidth...)
	d.shared = t.layerwise(n, namesOfShared...)
	d.sharedWidth = t.number(namesOfSharedWidth...)
	d.expertInner = t.number(namesOfExpertHidden...)
	d.beside = t.flag("enable_moe_block", false) || t.flag("parallel_attn_mlp_res", false)
	d.sparse = sparseLayers(t, n)
	return d
}

// adjusted is the width that short-convolution models make of theirs.
func adjusted(t fields, width int) int {
	n := 2 * width / 3
	if m := t.real("block_ffn_dim_multiplier"); m > 0 && m < 64 {
		n = int(m * float64(n))
	}
	step := max(t.number("block_multiple_of"), 1)
	return (n + step - 1) / step * step
}

// of lays the feed-forward parts of layer i into it.
func (d feeds) of(i int, p feed, hidden int, l *Layer) {
	moe := p == sparse || p == byRule && d.count.at(i) > 1 && d.sparse(i)
	if p == none {
		return
	}
	if !moe || d.beside {
		width := d.inner.at(i)
		if d.count.known() {
			width = cmp.Or(d.denseWidth, width)
		}
		l.Dense = Dense{Width: width, Matrices: d.matrices}
		if d.t.flag("use_double_wide_mlp", false) && l.Attention.Shared {
			l.Dense.Width *= 2
		}
	}
	if !moe {
		return
	}
	e := Experts{Count: d.count.at(i), Used: d.used.at(i), Width: cmp.Or(d.width.at(i), d.inner.at(i)), Matrices: d.matrices, Hidden: d.expertInner}
	if e.Hidden == hidden {
		e.Hidden = 0
	}
	if e.Used == 0 {
		e.Used = min(e.Count, 8)
	}
	e.Shared = d.sharedAt(i, e.Width)
	l.Experts = e
}

// sharedAt is the width of all shared experts of a layer: told as a width, or as
// a number of experts like the others.
func (d feeds) sharedAt(i, width int) int {
	n := d.shared.at(i)
	switch {
	case d.sharedWidth > 0 && n > 1 && d.sharedWidth == width:
		return n * width
	case d.sharedWidth > 0:
		return d.sharedWidth
	case n > 0:
		return n * width
	}
	return classOf(d.t).shared * width
}

// guessedUse tells whether the experts of a token are a guess.
func (d feeds) guessedUse() bool { return d.count.known() && d.count.at(0) > 1 && !d.used.known() }

// sparseLayers tells which layers have experts, by whichever form the file has. Of 8
// layers:
//
//	mlp_layer_types ["dense", "sparse", ...]           as it says
//	moe_layers "1,3,5,7"                               those
//	first_k_dense_replace 3                            D D D S S S S S
//	decoder_sparse_step 2, mlp_only_layers [7]         D S D S D S D D
//	expert_layer_period 2, expert_layer_offset 1       D S D S D S D S
func sparseLayers(t fields, n int) func(i int) bool {
	if kinds := t.texts(namesOfMLPKinds...); len(kinds) >= n {
		return func(i int) bool { return kinds[i] != "dense" && kinds[i] != "mlp" }
	}
	if listed, ok := layerNumbers(t, namesOfMoELayers); ok {
		return func(i int) bool { return slices.Contains(listed, i) }
	}
	freq := t.layerwise(n, "moe_layer_freq")
	if len(freq.each) > 0 {
		return func(i int) bool { return freq.each[i] > 0 }
	}
	first, last := t.number(namesOfFirstDense...), n
	if t.has("moe_layer_end_index") {
		last = t.number("moe_layer_end_index") + 1
	}
	dense, _ := layerNumbers(t, []string{"mlp_only_layers"})
	every := max(t.number(namesOfMoEEvery...), 1)
	period, offset := t.number("expert_layer_period"), t.number("expert_layer_offset")
	return func(i int) bool {
		switch {
		case i < first, i >= last, slices.Contains(dense, i):
			return false
		case period > 1:
			return i%period == offset
		case freq.all > 1:
			return i%freq.all == 0
		}
		return (i+1)%every == 0
	}
}

// layerNumbers reads the numbers of layers, from 0: a list, or a text with
// commas.
func layerNumbers(t fields, names []string) (counts, bool) {
	name, ok := t.find(names)
	if !ok {
		return nil, false
	}
	if list, ok := t.list(name); ok {
		return list, true
	}
	if string(t.raw[name]) == "[]" {
		return nil, len(names) > 1
	}
	var list counts
	for word := range strings.SplitSeq(t.text(name), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 0 || len(list) > maxLayers {
			t.passOver(name, "numbers of layers")
			return nil, false
		}
		list = append(list, n)
	}
	return list, true
}
