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
	*chassis
	liveness aim.Liveness // "" = alive
	cordoned bool
	free     mask    // GPUs that are free as a whole
	holes    []hole  // GPUs that are shared and have room, by number
	spare    int     // CPUs that nobody claims; unlimited where not told
	host     uint64  // memory that nobody claims; unlimited where not told
	hostRung int     // how many of the book's host sizes are free by measurement
	diskRung int     // how many of the book's disk sizes are free
	passes   []int32 // conditions that the labels meet
	members  set
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

// classify says which class a member belongs to, apart from its id and members.
// The slices of scratch are used again.
func (b *book) classify(m *member, scratch *class) {
	n, c := &m.node, scratch
	*c = class{chassis: m.chassis, holes: c.holes[:0], passes: m.passes, spare: unlimitedCPUs, host: unlimitedHost}
	if n.Liveness != aim.Alive {
		c.liveness = n.Liveness
	}
	c.cordoned = n.Cordon != ""
	c.free = c.devices.without(m.taken.whole).without(m.taken.shared)
	for d := range m.taken.shared.without(m.taken.whole).all {
		if free := m.room(d); free > 0 {
			c.holes = append(c.holes, hole{d, free})
		}
	}
	if c.cpus > 0 {
		c.spare = max(c.cpus-m.taken.cpus, 0)
	}
	if c.chassis.host > 0 {
		c.host = c.chassis.host - min(c.chassis.host, m.taken.host)
	}
	c.hostRung = len(b.hosts)
	if n.HostFree > 0 {
		c.hostRung = rungOf(b.hosts, n.HostFree)
	}
	c.diskRung = rungOf(b.disks, m.diskFree())
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

// key is equal for equal classes.
func (c *class) key(b []byte) []byte {
	for _, v := range [...]uint64{uint64(c.chassis.id), c.free[0], c.free[1], uint64(c.spare), c.host} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, v := range [...]int{c.hostRung, c.diskRung, len(c.holes), len(c.passes)} {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	for _, h := range c.holes {
		b = binary.LittleEndian.AppendUint64(append(b, byte(h.gpu)), h.free)
	}
	for _, p := range c.passes {
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
	}
	if c.cordoned {
		b = append(b, 'c')
	}
	return append(b, c.liveness...)
}

// keep makes a class of the scratch one, with slices of its own.
func (c *class) keep(id int) *class {
	k := *c
	k.id = id
	k.holes, k.passes = slices.Clone(c.holes), slices.Clone(c.passes)
	k.members = set{}
	return &k
}
