package estimate

import (
	"math"
	"slices"
)

// kvPerToken is what one more token of a long context costs a rank, in bytes:
// the sum over the layers that keep it.
func (d Demand) kvPerToken() float64 {
	sum := 0.0
	for _, k := range d.Shape.Kinds() {
		if k.Attention.Window == 0 {
			sum += float64(k.Count) * k.Attention.Keeps(d.GPUs, d.KVValueBytes)
		}
	}
	return sum * d.Shape.StageShare(d.Stages)
}

// group is the layers that memory is handed out to together.
type group struct {
	window int // tokens that its layers look at; 0 = all
	layers float64
	bytes  float64 // of one token, over all its layers
}

// groups sorts the layers by what they keep: everything, a window, a state.
func (d Demand) groups() (full, state group, windows []group) {
	for _, k := range d.Shape.Kinds() {
		n := float64(k.Count)
		if k.State.Bytes > 0 {
			state.layers += n
		}
		bytes := n * k.Attention.Keeps(d.GPUs, d.KVValueBytes)
		switch {
		case bytes == 0:
		case k.Attention.Window == 0:
			full.layers, full.bytes = full.layers+n, full.bytes+bytes
		default:
			i := slices.IndexFunc(windows, func(g group) bool { return g.window == k.Attention.Window })
			if i < 0 {
				i, windows = len(windows), append(windows, group{window: k.Attention.Window})
			}
			windows[i].layers, windows[i].bytes = windows[i].layers+n, windows[i].bytes+bytes
		}
	}
	return full, state, windows
}

// kvNeeded is the KV cache of one request, rounded up to whole blocks, and of it
// the states. A layer with a window keeps that and the tokens of the step being
// computed; one with a state keeps one block, which is made long enough for it.
//
// The server hands out memory to groups of layers of one kind, all groups of
// the same size; what a group lacks of it is lost (vLLM's hybrid KV cache
// manager):
//
//	12 layers keep all, 36 a window   ->  groups of 12: 1 and 3, nothing is lost
//	10 layers keep all, 52 a window   ->  groups of 10: 1 and 6, of which the last lacks 8
func (d Demand) kvNeeded(length int) (bytes, states float64) {
	full, state, windows := d.groups()
	size := full.layers
	smaller := func(n float64) {
		if n > 0 && (n < size || size == 0) {
			size = n
		}
	}
	smaller(state.layers)
	for _, w := range windows {
		smaller(w.layers)
	}
	padded := func(g group) float64 { return g.bytes * math.Ceil(g.layers/size) * size / g.layers }
	block := d.block()
	if full.layers > 0 {
		bytes += padded(full) * roundUp(length, block)
	}
	for _, w := range windows {
		bytes += padded(w) * roundUp(min(w.window+d.StepTokens, length), block)
	}
	if state.layers > 0 {
		one := d.perLayer() * float64(block)
		if one == 0 { // nothing attends
			one = d.stateBytes()
		}
		states = math.Ceil(state.layers/size) * size * one
	}
	share := d.Shape.StageShare(d.Stages)
	return (bytes + states) * share, states * share
}

// perLayer is what one attending layer keeps of a token, the largest of them.
func (d Demand) perLayer() float64 {
	most := 0.0
	for _, k := range d.Shape.Kinds() {
		most = max(most, k.Attention.Keeps(d.GPUs, d.KVValueBytes))
	}
	return most
}

// stateBytes is the largest state of a layer, on one rank.
func (d Demand) stateBytes() float64 {
	most := 0.0
	for _, k := range d.Shape.Kinds() {
		most = max(most, k.State.Bytes)
	}
	return most / float64(max(d.GPUs, 1))
}

// block is the number of tokens that memory is handed out for. Beside layers
// with a state it grows until the keys and values of a block are as large as
// that.
func (d Demand) block() int {
	block := d.BlockTokens
	if block == 0 {
		block = kvBlock
	}
	one, state := d.perLayer(), d.stateBytes()
	if state == 0 || one == 0 {
		return block
	}
	return max(block, int(roundUp(int(math.Ceil(min(state/one, 1<<30))), kvBlock)))
}

// roundUp rounds a length up to whole blocks, in tokens.
func roundUp(length, block int) float64 {
	return float64((length+block-1)/block) * float64(block)
}
