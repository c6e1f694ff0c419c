package scheduler

import (
	"encoding/binary"
	"slices"

	"github.com/aim-engine/aim"
)

// class is all nodes that no request seen so far can tell apart, but for their
// names and for what lies cached on them. A decision looks at classes: a fleet
// of ten thousand equal nodes has a few hundred.
type class struct {
	id int
	state
	liveness aim.Liveness // "" = alive
	passes   []int32      // conditions that the labels meet
	holes    []hole       // GPUs that are shared and have room, by number
	members  set
}

// state is what makes the class of a node. Lists are numbered, so that a state
// is compared and hashed in a few nanoseconds.
type state struct {
	*chassis
	free     mask   // GPUs that are free as a whole
	spare    int    // CPUs that nobody claims; unlimited where not told
	host     uint64 // memory that nobody claims; unlimited where not told
	hostRung int32  // how many of the book's host sizes are free by measurement
	diskRung int32  // how many of the book's disk sizes are free
	away     int32  // number of the liveness; 0 = alive
	labels   int32  // number of the conditions that are met
	shared   int32  // number of the holes
	cordoned bool
}

// hole is the room left on a GPU that is shared.
type hole struct {
	gpu  int
	free uint64
}

const (
	unlimitedCPUs = int(^uint(0) >> 1)
	unlimitedHost = ^uint64(0)
)

// stateOf says what makes the class of a member; its holes are left in the
// index's scratch.
func (x *index) stateOf(m *member) state {
	taken := m.taken()
	st := state{
		chassis: m.chassis, spare: unlimitedCPUs, host: unlimitedHost,
		labels: m.labels, cordoned: m.node.Cordon != "",
		free: m.chassis.devices.without(taken.whole).without(taken.shared),
	}
	if m.node.Liveness != aim.Alive {
		st.away = x.lists.id(append(x.lists.scratch[:0], m.node.Liveness...))
	}
	if m.chassis.cpus > 0 {
		st.spare = max(m.chassis.cpus-taken.cpus, 0)
	}
	if m.chassis.host > 0 {
		st.host = m.chassis.host - min(m.chassis.host, taken.host)
	}
	st.hostRung = int32(len(x.book.hosts))
	if m.node.HostFree > 0 {
		st.hostRung = rungOf(x.book.hosts, m.node.HostFree)
	}
	st.diskRung = rungOf(x.book.disks, m.diskFree())
	x.holes = x.holes[:0]
	if taken.shared != (mask{}) {
		st.shared = x.holesOf(m, &taken)
	}
	return st
}

// holesOf lists the holes of a member, and numbers the list.
func (x *index) holesOf(m *member, taken *taken) int32 {
	b := append(x.lists.scratch[:0], 'h')
	for d := range taken.shared.without(taken.whole).all {
		if free := m.room(d); free > 0 {
			x.holes = append(x.holes, hole{d, free})
			b = binary.LittleEndian.AppendUint64(append(b, byte(d)), free)
		}
	}
	x.lists.scratch = b[:0]
	return x.lists.id(b)
}

// room is what is left of the budget of a shared GPU.
func (m *member) room(d int) uint64 {
	free := m.chassis.pools[0].budget[d]
	for _, h := range m.held {
		if h.share > 0 && h.gpus.has(d) {
			free -= min(free, h.share)
		}
	}
	for _, p := range m.pledged {
		if p.share > 0 && p.gpus.has(d) {
			free -= min(free, p.share)
		}
	}
	return free
}

// relabel finds and numbers the conditions that a member's labels meet.
func (x *index) relabel(m *member, labels map[string]string) {
	m.passes, m.labels = x.book.passes(labels), 0
	if len(m.passes) == 0 {
		return
	}
	b := append(x.lists.scratch[:0], 'l')
	for _, p := range m.passes {
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
	}
	x.lists.scratch = b[:0]
	m.labels = x.lists.id(b)
}

// class describes a member as the only one of a class, with slices that it
// shares.
func (x *index) class(m *member) class {
	c := class{state: x.stateOf(m), passes: m.passes, holes: x.holes}
	if m.node.Liveness != aim.Alive {
		c.liveness = m.node.Liveness
	}
	return c
}

// newClass makes the class that a member will be the first of.
func (x *index) newClass(m *member) *class {
	c := x.class(m)
	c.id, c.passes, c.holes = len(x.classes), slices.Clone(c.passes), slices.Clone(c.holes)
	return &c
}
