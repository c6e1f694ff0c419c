package model

import (
	"cmp"
	"slices"
)

// geometry reads how wide attention is, for each layer: all read once, then
// asked for by the layer's number.
type geometry struct {
	t              fields
	heads, kvHeads perLayer
	width, value   int
	gated          bool
	span           int // tokens of the window or chunk

	// What layers with a window have of their own, and what those without.
	local, global override

	sharedFrom, shareFactor int
	indexed                 []bool // nil = all of them, where there is an indexer
	compress                counts
	blocks                  []fields
}

// override is what some layers have instead; 0 = the same as the others.
type override struct{ heads, kvHeads, width, value int }

func readGeometry(t fields, n, hidden int) geometry {
	c := classOf(t)
	g := geometry{t: t, heads: t.layerwise(n, namesOfHeads...), kvHeads: t.layerwise(n, namesOfKVHeads...)}
	if !g.heads.known() {
		g.heads.all = c.heads
	}
	if !g.kvHeads.known() {
		g.kvHeads.all = c.kvHeads
		if t.flag("multi_query", false) && !t.flag("new_decoder_architecture", false) {
			g.kvHeads.all = 1
		}
	}
	g.width = cmp.Or(t.number(namesOfHeadWidth...), c.width)
	if h := g.heads.at(0); g.width == 0 && h > 0 {
		g.width = hidden / h
	}
	g.value = cmp.Or(t.number(namesOfValue...), g.width)
	g.gated = t.flag("attn_output_gate", c.gated)
	g.span = cmp.Or(t.number("attention_chunk_size"), t.number(namesOfWindow...), c.window)
	g.local = override{t.number("swa_num_attention_heads"), t.number("swa_num_key_value_heads"), t.number("swa_head_dim"), t.number("swa_v_head_dim")}
	if other, ok := t.object("attention_other_setting"); ok {
		g.local = override{other.number(namesOfHeads...), other.number(namesOfKVHeads...), other.number(namesOfHeadWidth...), 0}
	}
	g.global = override{0, t.number("num_global_key_value_heads"), t.number("global_head_dim"), 0}
	g.sharedFrom = n - min(t.number("num_kv_shared_layers"), n)
	if t.flag("use_cla", false) {
		g.shareFactor = t.number("cla_share_factor")
	}
	g.indexed = indexedLayers(t, n)
	g.compress, _ = t.list("compress_ratios")
	g.blocks = t.objects("block_configs")
	return g
}

// of is the attention of layer i.
func (g geometry) of(i int, m mix) Attention {
	a := Attention{Heads: g.heads.at(i), KVHeads: cmp.Or(g.kvHeads.at(i), g.heads.at(i)), Key: g.width, Value: g.value, Gated: g.gated}
	switch m {
	case window, chunked:
		g.local.on(&a)
		a.Window = g.span
	default:
		g.global.on(&a)
		a.KeyIsValue = g.t.flag("attention_k_eq_v", false)
	}
	a.Shared = i >= g.sharedFrom || g.shareFactor > 1 && i%g.shareFactor != 0
	g.latent(&a)
	g.index(&a, i)
	g.squeeze(&a, i)
	return a
}

func (o override) on(a *Attention) {
	a.Heads, a.KVHeads = cmp.Or(o.heads, a.Heads), cmp.Or(o.kvHeads, a.KVHeads)
	if o.width > 0 {
		a.Key, a.Value = o.width, cmp.Or(o.value, o.width)
	}
}

// latent reads multi-head latent attention (MLA), as DeepSeek-V2 has introduced it: a
// token's keys and values of all heads are made of one short vector, and that is all
// that is kept of it. Of DeepSeek-V3, for each token and layer:
//
//	kept      kv_lora_rank 512 + qk_rope_head_dim 64 = 576 values
//	without   128 heads × (192 + 128)                = 40,960
//
// Every rank keeps it whole, however many share the heads: KVHeads is 1. Where the
// widths of its parts are not all given it is none.
func (g geometry) latent(a *Attention) {
	t := g.t
	a.QueryLatent = t.number("q_lora_rank")
	rank, plain, rotary, value := t.number("kv_lora_rank"), t.number("qk_nope_head_dim"), t.number("qk_rope_head_dim"), t.number("v_head_dim")
	t.has("qk_head_dim") // the sum of two of them
	if rank == 0 || plain+rotary == 0 || value == 0 {
		return
	}
	a.Latent, a.Rotary, a.KVHeads = rank, rotary, 1
	a.Key, a.Value = plain+rotary, value
}

// index reads the indexer of sparse attention, which keeps a small key of its own for
// each token to find those that are worth looking at.
func (g geometry) index(a *Attention, i int) {
	if g.indexed != nil && !g.indexed[i] {
		return
	}
	a.Index, a.IndexHeads = g.t.number("index_head_dim"), g.t.number("index_n_heads")
}

// indexedLayers tells which layers have an indexer of their own where some use
// that of a layer before them.
func indexedLayers(t fields, n int) []bool {
	kinds := t.texts("indexer_types")
	freq, offset := t.number("index_topk_freq"), t.number("index_skip_topk_offset")
	if len(kinds) < n && freq <= 1 {
		return nil
	}
	all := make([]bool, n)
	for i := range all {
		if len(kinds) >= n {
			all[i] = kinds[i] != "shared"
		} else {
			all[i] = i < offset || (i-offset+1)%freq == 0
		}
	}
	return all
}

// squeeze reads attention whose cache has an entry for several tokens. Ratio 0
// looks at a window alone; the layers of the smallest ratio have the indexer, and
// each of their entries is made of twice as many tokens. One vector is key and
// value of all heads.
func (g geometry) squeeze(a *Attention, i int) {
	if i >= len(g.compress) {
		return
	}
	least := 0
	for _, r := range g.compress {
		if r > 1 && (least == 0 || r < least) {
			least = r
		}
	}
	a.KeyIsValue, a.KVHeads = true, 1
	a.OutLatent, a.OutGroups = g.t.number("o_lora_rank"), g.t.number("o_groups")
	switch r := g.compress[i]; {
	case r <= 1:
		a.Window, a.Compress, a.Index, a.IndexHeads = cmp.Or(g.span, a.Window), 1, 0, 0
	default:
		a.Compress, a.Overlap = r, r == least
		if r != least {
			a.Index, a.IndexHeads = 0, 0
		}
	}
}

// block reads what a layer has by block_configs: attention or feed-forward that
// was taken out, groups of heads and a factor of the width.
func (g geometry) block(i, hidden int, l *Layer) {
	if i >= len(g.blocks) {
		return
	}
	b := g.blocks[i]
	if a, ok := b.object("attention"); ok {
		if a.flag("no_op", false) || a.flag("replace_with_linear", false) {
			if a.flag("replace_with_linear", false) {
				l.State.Parameters = f(hidden, hidden)
			}
			l.Attention = Attention{}
		} else if n := a.number("n_heads_in_group"); n > 0 {
			l.Attention.KVHeads = max(l.Attention.Heads/n, 1)
		}
	}
	w, ok := b.object("ffn")
	if !ok {
		return
	}
	switch width := cmp.Or(w.number("intermediate_size"), wide(w.real("ffn_mult"), hidden)); {
	case w.flag("no_op", false):
		l.Dense = Dense{}
	case w.flag("replace_with_linear", false):
		l.Dense = Dense{Width: hidden, Matrices: 1}
	case width > 0:
		l.Dense = Dense{Width: width, Matrices: 3}
	}
}

// wide is the width that a factor stands for: two thirds of so many times the
// hidden size, in steps of 256.
func wide(factor float64, hidden int) int {
	if !(factor > 0 && factor < 64) {
		return 0
	}
	n := int(2 * factor * float64(hidden) / 3)
	return (n + 255) / 256 * 256
}

// guessedKV tells whether the KV heads are a guess: no known name has them.
func (g geometry) guessedKV() bool {
	return !g.kvHeads.known() && g.t.number("kv_lora_rank") == 0 && !slices.Contains(g.compress, 0) && len(g.blocks) == 0
}
