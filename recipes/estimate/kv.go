package estimate

import (
	"math"

	"github.com/aim-engine/aim/recipes/model"
)

// kvPerToken is what one more token of a long context costs a rank, in bytes:
// every layer but the local and linear ones keeps it.
//
// GQA: keys and values of the rank's share of the KV heads; with fewer KV heads
// than ranks each rank keeps a whole one. MLA: one latent and one rotary part,
// the same on every rank.
func (d Demand) kvPerToken() float64 {
	full, _, _ := d.kinds()
	return full * d.kvPerLayer() * d.Architecture.StageShare(d.Stages)
}

// kvPerLayer is what one layer keeps of one token.
func (d Demand) kvPerLayer() float64 {
	a := d.Architecture
	if a.MLA != nil {
		return float64(a.MLA.KVLora+a.MLA.RoPE)*d.KVValueBytes + float64(a.MLA.IndexBytes)
	}
	return 2 * float64(model.HeadsPerRank(a.KVHeads, d.GPUs)*a.HeadDim) * d.KVValueBytes
}

// kinds counts the layers that keep everything, a window, or a fixed state.
func (d Demand) kinds() (full, local, linear float64) {
	a := d.Architecture
	if a.Local != nil {
		local = float64(a.Local.Layers)
	}
	if a.Linear != nil {
		linear = float64(a.Linear.Layers)
	}
	return float64(a.Layers) - local - linear, local, linear
}

// kvNeeded is the KV cache of one request, rounded up to whole blocks. A local
// layer keeps its window and the tokens of the step being computed; a linear
// one keeps one block, which is made long enough for its state.
//
// The server hands out memory to groups of layers of one kind, all groups of
// the same size; what a group lacks of it is lost (vLLM's hybrid KV cache
// manager).
func (d Demand) kvNeeded(length int) float64 {
	full, local, linear := d.kinds()
	block := d.block()
	group := full
	for _, n := range []float64{local, linear} {
		if n > 0 && (n < group || group == 0) {
			group = n
		}
	}
	padded := func(n float64) float64 {
		if group == 0 {
			return n
		}
		return math.Ceil(n/group) * group
	}
	tokens := padded(full) * roundUp(length, block)
	if local > 0 {
		tokens += padded(local) * roundUp(min(d.Architecture.Local.Window+d.StepTokens, length), block)
	}
	tokens += padded(linear) * float64(block)
	return tokens * d.kvPerLayer() * d.Architecture.StageShare(d.Stages)
}

// block is the number of tokens that memory is handed out for. Beside linear
// layers it grows until the keys and values of a block are as large as a state.
func (d Demand) block() int {
	block := d.BlockTokens
	if block == 0 {
		block = kvBlock
	}
	if linear := d.Architecture.Linear; linear != nil && d.kvPerLayer() > 0 {
		state := float64(linear.StateBytes) / float64(max(d.GPUs, 1))
		block = max(block, int(roundUp(int(math.Ceil(state/d.kvPerLayer())), kvBlock)))
	}
	return block
}

// roundUp rounds a length up to whole blocks, in tokens.
func roundUp(length, block int) float64 {
	return float64((length+block-1)/block) * float64(block)
}
