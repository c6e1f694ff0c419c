package opportunity

import (
	"iter"
	"math"
)

// Model knows what has been asked for and what is left in the fleet, and
// prices the states of a node by it.
type Model struct {
	kinds     []Node
	mix       mix
	known     int // kinds when the demands were made
	ps        []priced
	streams   *streams
	fragments map[Free]float64 // hold as long as the mix
	values    map[Free]float64 // hold until the next Refresh
}

// New makes a Model that has seen nothing.
func New() *Model {
	return &Model{mix: newMix(), fragments: map[Free]float64{}, values: map[Free]float64{}}
}

// Learn counts one request; of a gang, one for each rank.
func (o *Model) Learn(s Ask) { o.mix.learn(s) }

// Stale tells whether so much has been asked for since the last Refresh that it
// is time for another, whatever has changed in the fleet.
func (o *Model) Stale() bool { return o.mix.isDue() }

// Refresh sets new prices for a fleet in which so many nodes are in each state,
// and learns the mix afresh where enough of it is new. Turnover is how many
// requests have left for each that was placed lately: 0 in a fleet that only
// fills, 1 in one where as much leaves as comes. All costs may change.
func (o *Model) Refresh(states iter.Seq2[Free, int], turnover float64) {
	if o.mix.isDue() || o.known != len(o.kinds) {
		o.mix.looked()
		ds := o.mix.demands(o.kinds)
		o.known, o.ps, o.streams = len(o.kinds), newPriced(ds), newStreams(ds)
		clear(o.fragments)
	}
	setPrices(o.ps, states, min(turnover, 1))
	clear(o.values)
}

// step is the coarseness of costs in thousandths of a GPU. Smaller differences
// are noise of the streams; to follow them scatters requests over the fleet. 30
// to 100 serve alike on a trace without departures, less is better with them.
const step = 50

// Cost is what those who come later lose when a node goes from one state to the
// other, in steps of a twentieth of a GPU. Less is better; it is negative where the request
// uses up what nobody else could have used.
func (o *Model) Cost(before, after Free) int {
	return int(math.Round((o.value(before) - o.value(after)) / step))
}

// value is the worth of what can still be placed, less what will stay unused.
func (o *Model) value(s Free) float64 {
	s = s.rounded()
	v, known := o.values[s]
	if !known {
		v = worth(o.ps, &s) - o.fragmentation(s)
		o.values[s] = v
	}
	return v
}

func (o *Model) fragmentation(s Free) float64 {
	l, known := o.fragments[s]
	if !known {
		l = o.streams.fragmentation(s)
		o.fragments[s] = l
	}
	return l
}
