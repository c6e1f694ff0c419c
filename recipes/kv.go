package recipes

import "math"

// kvPerToken is what one more token of a long context costs a rank, in bytes:
// every layer but the local ones keeps it.
//
// GQA: keys and values of the rank's share of the KV heads; with fewer KV heads
// than ranks each rank keeps a whole one. MLA: one latent and one rotary part,
// the same on every rank.
func (d Demand) kvPerToken() float64 {
	return float64(d.Architecture.Layers-d.localLayers()) * d.kvPerLayer()
}

// kvPerLayer is what one layer keeps of one token.
func (d Demand) kvPerLayer() float64 {
	a := d.Architecture
	if a.MLA != nil {
		return float64(a.MLA.KVLora+a.MLA.RoPE) * d.KVValueBytes
	}
	return 2 * float64(headsPerRank(a.KVHeads, d.GPUs)*a.HeadDim) * d.KVValueBytes
}

// kvNeeded is the KV cache of one request, rounded up to whole blocks. A local
// layer keeps its window and the tokens of the step being computed.
func (d Demand) kvNeeded(length int) float64 {
	full := d.kvPerToken() * d.blocks(length)
	if d.localLayers() == 0 {
		return full
	}
	near := min(d.Architecture.Local.Window+d.StepTokens, length)
	return full + float64(d.localLayers())*d.kvPerLayer()*d.blocks(near)
}

func (d Demand) localLayers() int {
	if d.Architecture.Local == nil {
		return 0
	}
	return d.Architecture.Local.Layers
}

// blocks rounds a length up to whole blocks, in tokens.
func (d Demand) blocks(length int) float64 {
	block := float64(d.BlockTokens)
	if block == 0 {
		block = kvBlock
	}
	return math.Ceil(float64(length)/block) * block
}

// headsPerRank divides heads over ranks; fewer heads than ranks are repeated.
func headsPerRank(heads, ranks int) int {
	ranks = max(ranks, 1)
	return max(1, (heads+ranks-1)/ranks)
}
