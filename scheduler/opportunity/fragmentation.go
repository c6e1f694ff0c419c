package opportunity

import (
	"math/rand/v2"
	"slices"
)

const (
	// streamCount and streamLength: 32 streams bring the mean to about a tenth of a
	// GPU of its true value, and 90 requests fill a node of eight GPUs to the
	// brim in nearly every stream. More of either changed no figure.
	streamCount  = 32
	streamLength = 90
)

// streams are fixed random sequences of requests, drawn from the mix. They are the
// same for all states, so that two states differ by what they are and not by
// the luck of the draw:
//
//	mix     1 GPU 60 %, 4 GPUs 40 %
//	stream  4 1 1 4 1 4 ...
//	node    six free:  4 fits, 1 fits, 1 fits, full: nothing is wasted
//	        seven free: 4, 1, 1, (4 runs by), 1, full
//	stream  4 4 4 4 ...
//	        six free:  4 fits, and two stay unused
type streams [streamCount][streamLength]*demand

// newStreams draws from those demands that were really seen; nil where there are
// none.
func newStreams(ds []demand) *streams {
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
	p := new(streams)
	for i := range p {
		for j := range p[i] {
			at, _ := slices.BinarySearch(ends, r.Float64()*sum)
			p[i][j] = &ds[min(at, len(ends)-1)]
		}
	}
	return p
}

// fragmentation is how much GPU, in thousandths, stays unused on the node when each
// stream is poured into it alone and what does not fit runs by: the mean.
func (p *streams) fragmentation(s Free) float64 {
	if p == nil {
		return 0
	}
	total := 0
	for i := range p {
		total += pour(s, &p[i])
	}
	return float64(total) / streamCount
}

// pour places what fits of one stream, in its order, and returns what stays free.
func pour(s Free, stream *[streamLength]*demand) int {
	for _, d := range stream {
		d.place(&s)
		if s.Whole == 0 && s.Parts[0] == 0 {
			return 0
		}
	}
	return s.free()
}
