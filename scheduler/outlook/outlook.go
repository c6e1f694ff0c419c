package outlook

import (
	"iter"
	"math"
)

// Outlook knows what has been asked for and what is left in the fleet, and
// prices the states of a node by it.
type Outlook struct {
	kinds     []Node
	mix       mix
	known     int // kinds when the demands were made
	ps        []priced
	pours     *pours
	leftovers map[State]float64 // hold as long as the mix
	values    map[State]float64 // hold until the next Refresh
}

// New makes an Outlook that has seen nothing.
func New() *Outlook {
	return &Outlook{mix: newMix(), leftovers: map[State]float64{}, values: map[State]float64{}}
}

// Learn counts one request; of a gang, one for each rank.
func (o *Outlook) Learn(s Shape) { o.mix.learn(s) }

// Stale tells whether so much has been asked for since the last Refresh that it
// is time for another, whatever has changed in the fleet.
func (o *Outlook) Stale() bool { return o.mix.isDue() }

// Refresh sets new prices for a fleet in which so many nodes are in each state,
// and learns the mix afresh where enough of it is new. Turnover is how many
// requests have left for each that was placed lately: 0 in a fleet that only
// fills, 1 in one where as much leaves as comes. All costs may change.
func (o *Outlook) Refresh(states iter.Seq2[State, int], turnover float64) {
	if o.mix.isDue() || o.known != len(o.kinds) {
		o.mix.looked()
		ds := o.mix.demands(o.kinds)
		o.known, o.ps, o.pours = len(o.kinds), newPriced(ds), newPours(ds)
		clear(o.leftovers)
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
func (o *Outlook) Cost(before, after State) int {
	return int(math.Round((o.value(before) - o.value(after)) / step))
}

// value is the worth of what can still be placed, less what will stay unused.
func (o *Outlook) value(s State) float64 {
	s = s.rounded()
	v, known := o.values[s]
	if !known {
		v = worth(o.ps, &s) - o.leftover(s)
		o.values[s] = v
	}
	return v
}

func (o *Outlook) leftover(s State) float64 {
	l, known := o.leftovers[s]
	if !known {
		l = o.pours.leftover(s)
		o.leftovers[s] = l
	}
	return l
}
