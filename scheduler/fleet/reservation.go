package fleet

import (
	"slices"

	"github.com/aim-engine/aim/scheduler/topology"
)

// Reservation collects room on a few nodes for one who waits: what is idle there
// when it begins stays open to everybody, what becomes free later is held.
//
//	n1 bbbb|bbb.   reserved for a request of eight GPUs; GPU 7 is idle
//	n1 bbbb|bbbs   a small one comes and takes GPU 7: nothing is refused that is idle
//	n1 bbbb|b..s   two of b end: GPUs 5 and 6 are held
//	n1 ....|...s   the rest of b ends: seven are held
//	n1 ....|....   s ends: all eight are there, and the request has its turn
//
// The same goes for CPUs, host memory and the room on GPUs that are shared. When to
// reserve, where and for how long is the business of package queue.
type Reservation struct {
	For    string // the replica, as people call it
	nodes  []*Node
	lifted bool
}

// collected is what a reservation holds on one node, and what was free there when
// that was last looked at, held or not.
type collected struct {
	gpus topology.Mask
	cpus int
	host uint64

	seen  available
	rooms []Room // on shared GPUs
}

// available is what is free on a node, held or not.
type available struct {
	gpus topology.Mask
	cpus int
	host uint64
}

// Reserve begins to collect room on these nodes. There is one reservation at a
// time.
func (f *Fleet) Reserve(who string, nodes []*Node) {
	f.reservation = &Reservation{For: who, nodes: nodes}
	for _, m := range nodes {
		m.collected = &collected{}
		m.collected.seen, m.collected.rooms = m.available()
	}
	f.version++
}

// Release opens what is held to everybody who waits.
func (f *Fleet) Release() {
	if f.reservation == nil {
		return
	}
	nodes := f.reservation.nodes
	f.reservation = nil
	for _, m := range nodes {
		m.collected = nil
		if f.byID[m.ID()] == m {
			f.Reclassify(m)
			f.touch(m)
		}
	}
	f.version++
}

// Reserved is the nodes of the reservation, as long as all of them are there; nil
// where there is none.
func (f *Fleet) Reserved() []*Node {
	if f.reservation == nil {
		return nil
	}
	for _, m := range f.reservation.nodes {
		if f.byID[m.ID()] != m {
			return nil
		}
	}
	return f.reservation.nodes
}

// Lift lets a decision see what is held as free: for the one that it is held for,
// and for those who come first. Restore ends it.
func (f *Fleet) Lift() { f.lift(true) }

// Restore ends Lift. What was placed meanwhile is no longer held.
func (f *Fleet) Restore() { f.lift(false) }

func (f *Fleet) lift(lifted bool) {
	if f.reservation == nil {
		return
	}
	f.reservation.lifted = lifted
	for _, m := range f.reservation.nodes {
		if f.byID[m.ID()] == m {
			f.Reclassify(m)
		}
	}
}

// available measures what is free on the node, held or not.
func (m *Node) available() (available, []Room) {
	taken := m.taken()
	now := available{gpus: m.hardware.GPUs.Without(taken.whole).Without(taken.shared)}
	now.cpus = max(m.hardware.CPUs-taken.cpus, 0)
	now.host = m.hardware.HostBytes - min(m.hardware.HostBytes, taken.host)
	return now, m.rooms(&taken, topology.Mask{}, nil)
}

// collect holds what has become free since the last look, and gives up what has been
// taken otherwise.
func (m *Node) collect() {
	c := m.collected
	now, rooms := m.available()
	held := c.gpus.Or(now.gpus.Without(c.seen.gpus))
	open := now.gpus
	for _, r := range rooms {
		open.Add(r.GPU)
		if r.Bytes > roomIn(c.rooms, r.GPU) {
			held.Add(r.GPU)
		}
	}
	c.gpus = held.And(open)
	c.cpus = min(c.cpus+max(now.cpus-c.seen.cpus, 0), now.cpus)
	c.host = min(c.host+max(now.host, c.seen.host)-c.seen.host, now.host)
	c.seen, c.rooms = now, rooms
}

// roomIn is the room that a shared GPU had; all of it where it was free as a whole or
// taken as a whole, since what comes to be shared then is not freed by it.
func roomIn(rooms []Room, gpu int) uint64 {
	for _, r := range rooms {
		if r.GPU == gpu {
			return r.Bytes
		}
	}
	return ^uint64(0)
}

// ReserveLike reserves what another fleet has reserved, and holds as much. The fleets
// must have the same nodes.
func (f *Fleet) ReserveLike(other *Fleet) {
	if other.reservation == nil {
		return
	}
	r := &Reservation{For: other.reservation.For}
	for _, theirs := range other.reservation.nodes {
		m := f.byID[theirs.ID()]
		if m == nil || theirs.collected == nil {
			continue // it has left
		}
		held := *theirs.collected
		held.rooms = slices.Clone(held.rooms)
		m.collected = &held
		r.nodes = append(r.nodes, m)
	}
	f.reservation = r
	for _, m := range r.nodes {
		f.Reclassify(m)
	}
	f.version++
}
