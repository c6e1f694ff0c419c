package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxLayers bounds a model's layers: the deepest known has 126.
const maxLayers = 4096

// mix is how a layer mixes tokens.
type mix int

const (
	full    mix = iota // looks at all tokens
	window             // looks at the last ones
	chunked            // looks at those of its chunk
	state              // keeps a state
	both               // looks at all tokens and keeps a state
	nothing            // does not mix: it has a feed-forward part alone
)

// feed is which feed-forward part a layer has; byRule leaves it to what the file
// says of experts elsewhere.
type feed int

const (
	byRule feed = iota
	dense
	sparse
	none
)

// plan is what one layer does, before it is known how wide.
type plan struct {
	mix  mix
	feed feed
}

// unclear says that layers differ in a way that nobody here understands.
type unclear struct{ why string }

func (u unclear) Error() string { return u.why }

func differs(field string, format string, args ...any) error {
	return unclear{fmt.Sprintf("its layers differ (%s: %s), and in which way is not understood", field, fmt.Sprintf(format, args...))}
}

// words are the names of layer kinds.
var words = map[string]plan{
	"full_attention": {full, byRule}, "attention": {full, byRule}, "global": {full, byRule}, "global_attention": {full, byRule}, "full": {full, byRule},
	"deepseek_sparse_attention": {full, byRule}, "sparse_attention": {full, byRule},
	"compressed_sparse_attention": {full, byRule}, "heavily_compressed_attention": {full, byRule}, // see compress_ratios
	"sliding_attention": {window, byRule}, "sliding": {window, byRule}, "local": {window, byRule}, "local_attention": {window, byRule}, "swa": {window, byRule},
	"chunked_attention": {chunked, byRule},
	"linear_attention":  {state, byRule}, "linear": {state, byRule}, "mamba": {state, byRule}, "mamba2": {state, byRule}, "kda": {state, byRule},
	"gated_deltanet": {state, byRule}, "conv": {state, byRule}, "short_conv": {state, byRule}, "lightning_attention": {state, byRule},
	"parallel": {both, byRule},
	"moe":      {nothing, sparse}, "mlp": {nothing, dense},
}

// letters are those of a pattern like MEM*E, one for each layer.
var letters = map[rune]plan{'M': {state, none}, '*': {full, none}, 'E': {nothing, sparse}, '-': {nothing, dense}}

// planLayers reads what each of n layers does, from whichever form the file has, and the
// first form that it has is the one that counts:
//
//	hybrid_override_pattern "MEM*"                 a letter a layer: state, experts, state, attention
//	layer_types ["full_attention", "mamba", ...]   a word a layer
//	linear_attn_config {full_attn_layers: [4, 8]}  numbers of layers, here from 1
//	attn_type_list [0, 0, 1]                       a number a layer
//	attn_layer_indices [5, 11]                     numbers of layers that attend, from 0
//	attn_layer_period 8, attn_layer_offset 4       one of so many
//	sliding_window 1024, sliding_window_pattern 6  all attend, most to what is near
//
// A file with none of them has layers that all look at everything. The error is unclear:
// better no estimate than one of another model.
func planLayers(t fields, n int) ([]plan, error) {
	for _, read := range []func(fields, int) ([]plan, error){
		fromPattern, fromWords, fromLinearConfig, fromKindNumbers, fromAttending, fromPeriods, fromWindows,
	} {
		plans, err := read(t, n)
		if plans != nil || err != nil {
			return plans, err
		}
	}
	if field, ok := t.find(append(slices.Clone(namesOfStateSize), "linear_num_value_heads", "conv_L_cache", "lru_width")); ok {
		return nil, unclear{fmt.Sprintf("some of its layers keep a state (%s), and it does not say in a known form which", field)}
	}
	return make([]plan, n), nil
}

// fromPattern reads a letter for each layer.
func fromPattern(t fields, n int) ([]plan, error) {
	const field = "hybrid_override_pattern"
	if !t.has(field) {
		return nil, nil
	}
	text := strings.ReplaceAll(t.text(field), "|", "")
	plans := make([]plan, 0, n)
	for _, letter := range text {
		p, ok := letters[letter]
		if !ok {
			return nil, differs(field, "the letter %q", letter)
		}
		plans = append(plans, p)
	}
	if len(plans) < n {
		return nil, differs(field, "%d letters for %d layers", len(plans), n)
	}
	return plans[:n], nil
}

// fromWords reads a word for each layer. Some files name the layers that are for
// drafts, too, behind the others.
func fromWords(t fields, n int) ([]plan, error) {
	field, ok := t.find(namesOfLayerKinds)
	if !ok {
		return nil, nil
	}
	names := t.texts(field)
	if len(names) == 0 {
		return nil, nil // passed over
	}
	if len(names) < n {
		return nil, differs(field, "%d words for %d layers", len(names), n)
	}
	plans := make([]plan, n)
	separate := slices.Contains(names, "moe") || slices.Contains(names, "mlp")
	for i := range plans {
		p, ok := words[strings.ToLower(names[i])]
		if !ok {
			return nil, differs(field, "%q", clip(names[i]))
		}
		if separate && p.mix != nothing {
			p.feed = none
		}
		plans[i] = p
	}
	return plans, nil
}

func clip(s string) string {
	const most = 40
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// fromLinearConfig reads lists of layer numbers, counted from 1.
func fromLinearConfig(t fields, n int) ([]plan, error) {
	c, ok := t.object("linear_attn_config")
	if !ok {
		return nil, nil
	}
	attending, okFull := c.list("full_attn_layers")
	linear, okLinear := c.list("kda_layers")
	if !okFull && !okLinear {
		return nil, differs("linear_attn_config", "it names neither full_attn_layers nor kda_layers")
	}
	plans := make([]plan, n)
	for i := range plans {
		if okFull && !slices.Contains(attending, i+1) || !okFull && slices.Contains(linear, i+1) {
			plans[i].mix = state
		}
	}
	return plans, nil
}

// fromKindNumbers reads a number for each layer: in attn_type_list 1 is full
// attention and 0 keeps a state, in hybrid_layer_pattern 1 has a window.
func fromKindNumbers(t fields, n int) ([]plan, error) {
	for _, form := range []struct {
		field     string
		zero, one mix
	}{{"attn_type_list", state, full}, {"hybrid_layer_pattern", full, window}} {
		if !t.has(form.field) {
			continue
		}
		list, ok := t.list(form.field)
		if !ok || len(list) < n {
			return nil, differs(form.field, "%d numbers for %d layers", len(list), n)
		}
		plans := make([]plan, n)
		for i := range plans {
			switch list[i] {
			case 0:
				plans[i].mix = form.zero
			case 1:
				plans[i].mix = form.one
			default:
				return nil, differs(form.field, "%d", list[i])
			}
		}
		return plans, nil
	}
	return nil, nil
}

// fromAttending reads the numbers of the layers that attend, from 0.
func fromAttending(t fields, n int) ([]plan, error) {
	if t.has("mamba_d_ssm") { // every layer does both, beside each other
		return slices.Repeat([]plan{{both, byRule}}, n), nil
	}
	list, ok := t.list(namesOfAttending...)
	if !ok {
		return nil, nil
	}
	plans := make([]plan, n)
	for i := range plans {
		if !slices.Contains(list, i) {
			plans[i].mix = state
		}
	}
	return plans, nil
}

// fromPeriods reads that one layer of so many attends.
func fromPeriods(t fields, n int) ([]plan, error) {
	period, offset := t.number("attn_layer_period"), t.number("attn_layer_offset")
	if every := t.number("full_attention_interval"); period == 0 && every > 0 {
		period, offset = every, every-1
	}
	if period == 0 {
		if !stateAlone(t) {
			return nil, nil
		}
		return slices.Repeat([]plan{{state, none}}, n), nil
	}
	plans := make([]plan, n)
	for i := range plans {
		if i%period != offset%period {
			plans[i].mix = state
		}
	}
	return plans, nil
}

// stateAlone tells a model without any attention: it has the size of a state and
// no width of a feed-forward part.
func stateAlone(t fields) bool {
	return t.has(namesOfStateSize...) && !t.has("num_attention_heads") && !t.has("num_key_value_heads")
}

// fromWindows reads which layers look at nearby tokens alone, where all attend.
// A window that no field limits to some layers is all layers', as vLLM takes it.
func fromWindows(t fields, n int) ([]plan, error) {
	if n := t.number("attention_chunk_size"); n > 0 {
		return chunkedLayers(t, nOf(t))
	}
	if !t.flag("use_sliding_window", true) || t.number(namesOfWindow...) == 0 && !softcapped(t) || t.has("compress_ratios") {
		return nil, nil
	}
	plans := make([]plan, n)
	every, from := 0, 0
	switch {
	case t.has("sliding_window_pattern"):
		pattern := t.text("sliding_window_pattern") // such as LLLG
		if list, ok := t.list("sliding_window_pattern"); ok {
			for i := range plans {
				if list[i%len(list)] > 0 {
					plans[i].mix = window
				}
			}
			return plans, nil
		}
		if pattern != "" && strings.Trim(pattern, "LG") == "" {
			for i := range plans {
				if pattern[i%len(pattern)] == 'L' {
					plans[i].mix = window
				}
			}
			return plans, nil
		}
		every = t.number("sliding_window_pattern")
	case t.has("global_attn_every_n_layers"):
		every = t.number("global_attn_every_n_layers")
		for i := range plans {
			if every > 0 && i%every != 0 {
				plans[i].mix = window
			}
		}
		return plans, nil
	case t.has("max_window_layers") && t.has("use_sliding_window"):
		from = t.number("max_window_layers")
	case classOf(t).fullEvery > 0:
		every = classOf(t).fullEvery
	default:
		t.log.note("every layer is taken to have the window: no field says which do")
	}
	for i := range plans {
		if i >= from && (every <= 1 || (i+1)%every != 0) {
			plans[i].mix = window
		}
	}
	return plans, nil
}

func softcapped(t fields) bool { return classOf(t).window > 0 }

func nOf(t fields) int { return t.number(namesOfLayers...) }

// chunkedLayers: those without rotary positions look at everything, the others
// at their chunk; every fourth one where the file does not say.
func chunkedLayers(t fields, n int) ([]plan, error) {
	every := max(t.number("no_rope_layer_interval"), 0)
	if every == 0 {
		every = 4
	}
	rotary, listed := t.list("no_rope_layers")
	listed = listed && len(rotary) >= n
	plans := make([]plan, n)
	for i := range plans {
		if listed && rotary[i] == 1 || !listed && (i+1)%every != 0 {
			plans[i].mix = chunked
		}
	}
	return plans, nil
}

// unread finds a list with a value for each layer that differ, under a name that
// speaks of what layers do, and that nobody has asked for: then the layers are
// not known to be as they were counted.
func unread(t fields, n int) error {
	for _, name := range slices.Sorted(maps.Keys(t.raw)) {
		if t.log.asked[name] || !speaksOfLayers(name) {
			continue
		}
		var list []any
		if values := t.raw[name]; len(values) == 0 || values[0] != '[' || !decodes(values, &list) || len(list) < n || n < 2 {
			continue
		}
		for _, v := range list[1:n] {
			if fmt.Sprint(v) != fmt.Sprint(list[0]) {
				return differs(name, "%s", clipped(t.raw[name]))
			}
		}
	}
	return nil
}

func speaksOfLayers(name string) bool {
	if strings.HasPrefix(name, "mtp_") || strings.Contains(name, "rope") || strings.Contains(name, "theta") {
		return false
	}
	for _, part := range []string{"layer", "pattern", "block", "attn", "attention", "expert", "moe", "mlp", "ffn", "kv", "head"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
