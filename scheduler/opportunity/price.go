package opportunity

import (
	"iter"
	"math"
)

// priced is a demand with what the fleet can still take of it.
type priced struct {
	demand
	stricter float64 // GPU asked by all demands that need a slot of this one
	slots    int     // in the whole fleet
	price    float64 // thousandths of a GPU for each slot that is lost
}

// size is the GPU that one request of the ask takes, in thousandths: of the
// first kind that will do, where it asks for a share in bytes.
func (d *demand) size() float64 {
	for _, p := range d.part {
		if p > 0 {
			return float64(p) * float64(max(d.GPUs, 1))
		}
	}
	return 0
}

// needs tells whether every node on which d fits would fit o as well: who takes
// a slot of o away may take one of d.
func (d *demand) needs(o *demand) bool {
	if d.GPUs < o.GPUs || d.CPUs < o.CPUs || d.HostBytes < o.HostBytes {
		return false
	}
	for k, p := range d.part {
		if p > 0 && (o.part[k] == 0 || o.part[k] > p) {
			return false
		}
	}
	return true
}

func newPriced(ds []demand) []priced {
	ps := make([]priced, len(ds))
	for i := range ds {
		ps[i].demand = ds[i]
		for j := range ds {
			if i == j || !ds[j].unseen && ds[j].needs(&ds[i]) {
				ps[i].stricter += ds[j].weight * ds[j].size()
			}
		}
	}
	return ps
}

const (
	// slotPrice is what a slot costs, in its own size, where all demand wants it and
	// there is no other, in a fleet that only fills: enough to outweigh any
	// fragmentation. More makes no placement better and some worse. turnoverPrice is
	// the same where as much leaves as comes: there a fragment is soon gone by itself,
	// and a slot would have served one after the other.
	slotPrice     = 4
	turnoverPrice = 16
	// Scarcity counts with its fourth power: next to nothing while twice as
	// much is there as will be asked for, all when it runs short.
	sharpness = 4
)

// setPrices looks at what is free in the fleet. If that were filled with the
// mix, how much would ask for each ask, and how much of the ask is there?
//
//	use      = requests expected of this very ask / slots of it
//	scarcity = GPU expected by all who need such slots / GPU in such slots
//	price    = size x slotPrice x use x scarcity^sharpness    (both at most 1)
//
// An example: 40 free GPUs on five whole nodes, half of the demand in GPU asks for
// whole nodes. 20 GPUs are expected for whole nodes, 40 are in them: scarcity 0.5,
// price next to nothing. With two whole nodes left and 24 GPUs on broken ones, 20 are
// expected and 16 are there: scarcity 1, and each whole node costs its full price.
//
// What streams show has a price only as far as requests leave again. While none
// does, fragmentation tells all about it, and a price would count it twice. Where
// they come and go no node is ever poured full, and what fits now tells more than
// what may stay unused in the end.
func setPrices(ps []priced, states iter.Seq2[Free, int], turnover float64) {
	for i := range ps {
		ps[i].slots = 0
	}
	free := 0
	for s, nodes := range states {
		free += nodes * s.free()
		for i := range ps {
			ps[i].slots += nodes * ps[i].demand.slots(&s)
		}
	}
	var mean float64
	for i := range ps {
		mean += ps[i].weight * ps[i].size()
	}
	if mean == 0 {
		return
	}
	requests := float64(free) / mean
	most := slotPrice + turnover*(turnoverPrice-slotPrice)
	for i := range ps {
		p := &ps[i]
		size, slots := p.size(), float64(p.slots)
		use := atMostOne(requests*p.weight, slots)
		scarcity := atMostOne(requests*p.stricter, slots*size)
		p.price = size * most * use * math.Pow(scarcity, sharpness)
		if p.streamed {
			p.price *= turnover
		}
	}
}

// atMostOne is a/b, and 1 where b is less, or nothing.
func atMostOne(a, b float64) float64 {
	if a >= b {
		return 1
	}
	return a / b
}

// worth is the price of all that the node could take.
func worth(ps []priced, s *Free) float64 {
	var sum float64
	for i := range ps {
		if ps[i].price > 0 {
			sum += ps[i].price * float64(ps[i].demand.slots(s))
		}
	}
	return sum
}
