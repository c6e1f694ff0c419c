package place

import (
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/topology"
)

// maxRequestClasses bounds what is remembered. A fleet sees as many as it has rungs
// in use; a replay of a trace some hundreds.
const maxRequestClasses = 1024

// classOf finds the class of a request, on one kind of GPU or on any, and brings it
// up to date.
func (p *Placer) classOf(r *aim.PlacementRequest, kind int32) *RequestClass {
	key := p.names.keyOf(r)
	key.kind = kind
	p.asked++
	s, ok := p.classes[key]
	if !ok {
		s = p.newRequestClass(key, r)
	}
	s.used = p.asked
	p.Settle()
	p.catchUp(s)
	return s
}

// Settle brings the fleet's index up to date, and what is known by it.
func (p *Placer) Settle() {
	p.costs.meet(p.fleet.Hardware())
	if p.fleet.Settle() {
		for _, s := range p.classes {
			s.forget(p.fleet)
		}
	}
}

func (p *Placer) newRequestClass(key classKey, r *aim.PlacementRequest) *RequestClass {
	if len(p.classes) >= maxRequestClasses {
		p.dropRequestClasses()
	}
	var k *topology.Kind
	if key.kind > 0 {
		k = &p.fleet.Kinds()[key.kind-1]
	}
	s := newRequestClass(key, r, k)
	p.fleet.Discern(s.labels, s.host, s.disk)
	s.forget(p.fleet)
	p.classes[key] = s
	return s
}

// dropRequestClasses forgets the half that nobody has asked for the longest, and what
// only they have asked for.
func (p *Placer) dropRequestClasses() {
	var ages []uint64
	for _, s := range p.classes {
		ages = append(ages, s.used)
	}
	slices.Sort(ages)
	p.fleet.DiscernAnew()
	for key, s := range p.classes {
		if s.used < ages[len(ages)/2] && s.pins == 0 {
			delete(p.classes, key)
			continue
		}
		p.fleet.Discern(s.labels, s.host, s.disk)
	}
}

// catchUp counts the nodes by what they are to the requests as of now. It follows the
// changes since they were last asked for, and looks at all classes where that is
// shorter, or when there are new prices.
func (p *Placer) catchUp(s *RequestClass) {
	p.costs.refresh(p.fleet)
	changes := p.fleet.Changes()
	if s.generation != p.fleet.Generation() || s.priceEpoch != p.costs.epoch || len(changes)-s.seen > p.fleet.Classes() {
		p.lookAtAll(s)
		return
	}
	for _, c := range changes[s.seen:] {
		if !s.knows(c.To) {
			if v := p.judge(s, int(c.To)); v.rating != nil {
				s.insert(v.ranking(c.To))
			}
		}
		s.count(s.verdicts[c.To].reason, 1)
		s.count(s.verdicts[c.From].reason, -1)
	}
	s.seen = len(changes)
}

// lookAtAll counts the nodes and orders the classes anew.
func (p *Placer) lookAtAll(s *RequestClass) {
	s.order, s.seen, s.generation, s.priceEpoch = s.order[:0], len(p.fleet.Changes()), p.fleet.Generation(), p.costs.epoch
	clear(s.counts)
	for i := range s.verdicts {
		s.verdicts[i].ranked = false
	}
	for id, n := range p.fleet.Counts() {
		if n == 0 {
			continue
		}
		v := p.judge(s, id)
		s.count(v.reason, n)
		if v.rating != nil {
			s.order = append(s.order, v.ranking(int32(id)))
		}
	}
	slices.SortFunc(s.order, ranked.compare)
}

// A Line is a class of requests that somebody waits with: what is known of it is
// kept until Drop.
type Line struct {
	p     *Placer
	class *RequestClass
	model string
}

// Line finds and keeps the class of a request.
func (p *Placer) Line(req *aim.PlacementRequest) Line {
	s := p.classOf(req, 0)
	s.pins++
	return Line{p, s, req.Model}
}

// Drop says that nobody waits with it any more.
func (l Line) Drop() { l.class.pins-- }
