package opportunity

import (
	"cmp"
	"slices"
)

// mix is what has been asked for lately, learnt from the requests themselves.
//
// Counts are halved now and then, so that an old habit fades. Similar asks
// count as one: the first of them stands for all.
type mix struct {
	counts map[Ask]*count // by rounded ask
	order  []*count       // as first seen: sums must not depend on map order
	total  float64
	due    float64 // total at which the demands are to be made afresh
}

type count struct {
	key, ask Ask
	n        float64
}

const (
	// The demands are made afresh after this many requests, and whenever the
	// number has doubled, ...
	firstLook = 16
	// ... until there are this many; then all counts are halved. What was common
	// 16,000 requests ago weighs a sixteenth of what is common today.
	memory = 8192
	// Below a quarter of a request a ask is forgotten.
	forgotten = 0.25
	// Where more asks than this are asked for, those that take the most GPU
	// of the fleet are enough.
	maxAsks = 512
)

func newMix() mix { return mix{counts: map[Ask]*count{}, due: firstLook} }

func (m *mix) learn(s Ask) {
	key := s.rounded()
	c, known := m.counts[key]
	if !known {
		c = &count{key: key, ask: s}
		m.counts[key] = c
		m.order = append(m.order, c)
	}
	c.n++
	m.total++
}

// isDue tells whether enough is new to make the demands afresh.
func (m *mix) isDue() bool { return m.total >= m.due }

// looked sets the next time for it.
func (m *mix) looked() {
	if m.total >= memory {
		m.halve()
	}
	m.due = min(2*max(m.total, firstLook/2), memory)
}

// halve lets what was seen fade, and forgets the rarest.
func (m *mix) halve() {
	m.total = 0
	m.order = slices.DeleteFunc(m.order, func(c *count) bool {
		c.n /= 2
		if c.n < forgotten {
			delete(m.counts, c.key)
			return true
		}
		m.total += c.n
		return false
	})
}

// demands are the asks with their shares of all requests: those that were
// asked for, the greediest first, and then whole nodes.
func (m *mix) demands(kinds []Node) []demand {
	asked, total := m.order, m.total
	if total < firstLook {
		asked, total = append(slices.Clip(asked), guess()...), total+guesses
	}
	var ds []demand
	for _, c := range asked {
		if c.ask.asksGPU() {
			ds = append(ds, newDemand(c.ask, c.n/total, kinds))
		}
	}
	slices.SortStableFunc(ds, func(a, b demand) int {
		return cmp.Compare(b.weight*b.size(), a.weight*a.size())
	})
	ds = ds[:min(len(ds), maxAsks)]
	for _, k := range kinds {
		if k.GPUs > 0 {
			d := newDemand(k.ask(), expected/(total+expected), kinds)
			d.unseen = true
			ds = append(ds, d)
		}
	}
	return ds
}

// expected is how many requests for a whole node of each kind are expected
// before the first comes. With one or two, some orders of arrival of the trace
// lose the largest requests early; with four hardly any does.
const expected = 4

// guesses is the weight of the guess below, in requests.
const guesses = 10

// guess is what a fleet expects that has seen next to nothing: servers on one,
// two, four and eight whole GPUs.
func guess() []*count {
	return []*count{
		{ask: Ask{GPUs: 1}, n: 4},
		{ask: Ask{GPUs: 2}, n: 2},
		{ask: Ask{GPUs: 4}, n: 2},
		{ask: Ask{GPUs: 8}, n: 2},
	}
}

// ask asks for a whole node of this kind, less an eighth of its CPUs and
// memory, which the system and the rounding of requests take. It is expected
// unseen: else the few nodes that can take the rarest and largest request are
// broken up before the first one comes.
func (n Node) ask() Ask {
	return Ask{GPUs: n.GPUs, CPUs: n.CPUs / 8 * 7, HostBytes: n.HostBytes / 8 * 7}
}
