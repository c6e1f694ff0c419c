package outlook

import (
	"math/rand/v2"
	"slices"
)

const (
	// streams and streamLength: 32 streams bring the mean to about a tenth of a
	// GPU of its true value, and 90 requests fill a node of eight GPUs to the
	// brim in nearly every stream. More of either changed no figure.
	streams      = 32
	streamLength = 90
)

// pours are fixed random streams of requests, drawn from the mix. They are the
// same for all states, so that two states differ by what they are and not by
// the luck of the draw.
type pours [streams][streamLength]*demand

// newPours draws from those demands that were really seen; nil where there are
// none.
func newPours(ds []demand) *pours {
	var ends []float64 // of the demands' weights, laid end to end
	sum := 0.0
	for i := range ds {
		if !ds[i].unseen {
			sum += ds[i].weight
			ends = append(ends, sum)
		}
	}
	if len(ends) == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(1, 2))
	p := new(pours)
	for i := range p {
		for j := range p[i] {
			at, _ := slices.BinarySearch(ends, r.Float64()*sum)
			p[i][j] = &ds[min(at, len(ends)-1)]
		}
	}
	return p
}

// leftover is how much GPU, in thousandths, stays unused on the node when each
// stream is poured into it alone and what does not fit runs by: the mean.
func (p *pours) leftover(s State) float64 {
	if p == nil {
		return 0
	}
	total := 0
	for i := range p {
		total += pour(s, &p[i])
	}
	return float64(total) / streams
}

func pour(s State, stream *[streamLength]*demand) int {
	for _, d := range stream {
		d.place(&s)
		if s.Whole == 0 && s.Parts[0] == 0 {
			return 0
		}
	}
	return s.free()
}
