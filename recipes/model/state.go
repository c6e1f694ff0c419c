package model

import (
	"cmp"
	"math"
	"strings"
)

// Bytes of values that a state is kept in.
const (
	half   = 2
	single = 4
)

// readState reads what layers keep of a request that have a state: each family
// names the parts of its own kind. The error is unclear.
func readState(t fields, hidden, heads, width int) (State, error) {
	for _, read := range []func(fields, int) (State, bool){readKDA, readDelta, readMamba, readConvolution} {
		if s, ok := read(t, hidden); ok {
			return s, nil
		}
	}
	if t.has("attn_type_list") || t.has("linear_attn_alpha_factor") {
		return lightning(hidden, heads, width), nil
	}
	return State{}, unclear{"some of its layers keep a state, and no known field tells of what size"}
}

// stateValue is the size of a value of the recurrent part: some models name it,
// the others keep it like everything else.
func stateValue(t fields) float64 {
	if strings.Contains(t.text("mamba_ssm_cache_dtype", "mamba_ssm_dtype"), "32") {
		return single
	}
	return half
}

// readDelta reads gated delta nets: a matrix of key by value for each value
// head, and the last inputs of a convolution.
func readDelta(t fields, hidden int) (State, bool) {
	key, value := t.number("linear_key_head_dim"), t.number("linear_value_head_dim")
	keys, values := t.number("linear_num_key_heads")*key, t.number("linear_num_value_heads")*value
	if keys == 0 || values == 0 {
		return State{}, false
	}
	convolved := float64(2*keys+values) * float64(max(t.number("linear_conv_kernel_dim")-1, 0))
	return State{
		Name:       "delta net",
		Bytes:      f(values, key)*stateValue(t) + half*convolved,
		Parameters: f(hidden, 2*keys+2*values) + f(hidden, 2*t.number("linear_num_value_heads")) + f(values, hidden),
		Width:      2*keys + 2*values,
	}, true
}

// readKDA reads Kimi's delta attention: queries, keys and values of all heads,
// each convolved, and two gates through a narrow vector. Its recurrent part is
// kept in 32 bit.
func readKDA(t fields, hidden int) (State, bool) {
	c, ok := t.object("linear_attn_config")
	heads, width := c.number("num_heads"), c.number("head_dim")
	if !ok || heads == 0 || width == 0 {
		return State{}, false
	}
	inner := heads * width
	return State{
		Name:       "delta attention",
		Bytes:      f(inner, width)*single + half*3*f(inner, max(c.number("short_conv_kernel_size")-1, 0)),
		Parameters: 4*f(hidden, inner) + 2*(f(hidden, width)+f(width, inner)) + f(hidden, heads),
		Width:      4 * inner,
	}, true
}

// readMamba reads both versions: the second has heads and groups, the first a
// narrow vector that the steps come out of.
func readMamba(t fields, hidden int) (State, bool) {
	size, conv := t.number(namesOfStateSize...), t.number(namesOfConv...)
	if size == 0 {
		return State{}, false
	}
	heads, width := t.number(namesOfStateHeads...), t.number(namesOfStateWidth...)
	if stateAlone(t) { // nothing attends: the plain names are the state's
		heads, width = cmp.Or(heads, t.number("num_heads")), cmp.Or(width, t.number("head_dim"))
	}
	inner := cmp.Or(t.number("mamba_d_ssm", "mamba_intermediate_size"), heads*width, max(t.number(namesOfExpand...), 1)*hidden)
	if heads == 0 && width > 0 {
		heads = inner / width
	}
	if heads > 0 {
		mixed := inner + 2*max(t.number(namesOfStateGroup...), 1)*size
		return State{
			Name: "mamba", Bytes: f(inner, size)*stateValue(t) + half*f(mixed, max(conv-1, 0)),
			Parameters: f(hidden, inner+mixed+heads) + f(mixed, conv) + f(inner, hidden),
			Width:      inner + mixed,
		}, true
	}
	steps := cmp.Or(t.number("mamba_dt_rank", "time_step_rank"), int(math.Ceil(float64(hidden)/16)))
	return State{
		Name: "mamba", Bytes: f(inner, size)*stateValue(t) + half*f(inner, max(conv-1, 0)),
		Parameters: 2*f(hidden, inner) + f(inner, conv) + f(inner, steps+2*size) + f(steps, inner) + f(inner, size) + f(inner, hidden),
		Width:      2 * inner,
	}, true
}

// readConvolution reads short convolutions, which keep the last inputs.
func readConvolution(t fields, hidden int) (State, bool) {
	length := t.number("conv_L_cache")
	if length == 0 {
		return State{}, false
	}
	inner := cmp.Or(t.number("conv_dim"), hidden)
	return State{
		Name: "convolution", Bytes: half * f(inner, max(length-1, 1)),
		Parameters: f(hidden, 3*inner) + f(inner, hidden) + f(inner, length),
		Width:      3 * inner,
	}, true
}

// lightning is linear attention with a matrix of head width by head width for
// each head, in 32 bit, and a gate on its output.
func lightning(hidden, heads, width int) State {
	inner := heads * width
	return State{Name: "linear attention", Bytes: f(inner, width) * single, Parameters: 5 * f(hidden, inner), Width: 4 * inner}
}
