package fleet

import (
	"encoding/binary"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/bitset"
	"github.com/aim-engine/aim/scheduler/topology"
)

// Class is all nodes that no request so far can tell apart, but for their names
// and for what lies on their disks. It never changes: a node that changes is moved
// to another class.
type Class struct {
	ID int // in the index, until the next Settle
	capacity
	Liveness aim.Liveness // "" = alive
	Labels   []int32      // that the nodes carry, of those asked for, by Fleet.LabelNumber
	Rooms    []Room       // on GPUs that are shared, by GPU
	For      string       // the replica that Held is reserved for

	members bitset.Set
}

// capacity is what makes the class of a node: two nodes of equal capacity are alike to
// every request so far. Lists and names are numbered, so that it is compared and hashed
// as a map key in a few nanoseconds.
//
// Measured memory and disk would make every node a class of its own. They count by the
// sizes that somebody has asked for, of which a node has the first so many free:
//
//	asked for      64 GiB   200 GiB   1 TiB
//	n1   90 GiB      x                          rung 1 ┐ one class
//	n2  120 GiB      x                          rung 1 ┘
//	n3  300 GiB      x         x                rung 2
//
// When somebody asks for 100 GiB, the rungs are numbered anew, and n1 and n2 part.
type capacity struct {
	*Hardware
	Free     topology.Mask // GPUs that are free as a whole, and not held
	Spare    int           // CPUs that nobody claims, and not held; UnlimitedCPUs where not told
	Host     uint64        // memory that nobody claims, and not held; UnlimitedHost where not told
	HostRung int32         // how many of the sizes asked for are free by measurement
	DiskRung int32         // how many of the sizes asked for are free
	Cordoned bool

	// What is free, but held by a reservation.
	Held      topology.Mask
	HeldCPUs  int
	HeldBytes uint64

	HeldFor int32 // number of the replica that it is held for; 0 = nothing is held

	liveness, labels, rooms int32 // their numbers; 0 = alive, none
}

// Room is what is left of a GPU that is shared. Two nodes with the same room on GPUs
// of other numbers are of other classes: which GPU it is decides what else is near it.
type Room struct {
	GPU   int
	Bytes uint64
	Held  bool // by a reservation
}

// What stands for an amount that a node does not tell.
const (
	UnlimitedCPUs = int(^uint(0) >> 1)
	UnlimitedHost = ^uint64(0)
)

// numbering numbers byte strings from 1; 0 is the empty one.
type numbering struct {
	ids     map[string]int32
	scratch []byte
}

func (n *numbering) id(name []byte) int32 {
	if len(name) == 0 {
		return 0
	}
	if id, ok := n.ids[string(name)]; ok {
		return id
	}
	id := int32(len(n.ids) + 1)
	n.ids[string(name)] = id
	return id
}

// capacityOf is what makes the class of a node, and the rooms on its shared GPUs, in
// memory that the next call uses again.
func (f *Fleet) capacityOf(m *Node) (capacity, []Room) {
	taken := m.taken()
	c := capacity{
		Hardware: m.hardware, Spare: UnlimitedCPUs, Host: UnlimitedHost,
		labels: m.labels, Cordoned: m.report.Cordon != "",
		Free: m.hardware.GPUs.Without(taken.whole).Without(taken.shared),
	}
	if m.report.Liveness != aim.Alive {
		c.liveness = f.lists.id(append(f.lists.scratch[:0], m.report.Liveness...))
	}
	if m.hardware.CPUs > 0 {
		c.Spare = max(m.hardware.CPUs-taken.cpus, 0)
	}
	if m.hardware.HostBytes > 0 {
		c.Host = m.hardware.HostBytes - min(m.hardware.HostBytes, taken.host)
	}
	c.HostRung = int32(len(f.discriminators.hosts))
	if m.report.HostFree > 0 {
		c.HostRung = f.HostRung(m.report.HostFree)
	}
	c.DiskRung = f.DiskRung(m.DiskFree())
	if m.collected != nil && !f.reservation.lifted {
		f.withhold(&c, m.collected)
	}
	f.rooms = f.rooms[:0]
	if taken.shared != (topology.Mask{}) {
		f.rooms = m.rooms(&taken, c.Held, f.rooms)
		c.rooms = f.numberRooms(f.rooms)
	}
	return c, f.rooms
}

// withhold takes out of a node's capacity what is held of it.
func (f *Fleet) withhold(c *capacity, held *collected) {
	c.Held, c.HeldCPUs, c.HeldBytes = held.gpus, held.cpus, held.host
	c.Free = c.Free.Without(held.gpus)
	c.Spare -= held.cpus
	c.Host -= held.host
	c.HeldFor = f.lists.id(append(f.lists.scratch[:0], f.reservation.For...))
}

// rooms lists what is left of the node's shared GPUs.
func (m *Node) rooms(taken *taken, held topology.Mask, into []Room) []Room {
	for d := range taken.shared.Without(taken.whole).All {
		if free := m.Room(d); free > 0 {
			into = append(into, Room{d, free, held.Has(d)})
		}
	}
	return into
}

func (f *Fleet) numberRooms(rooms []Room) int32 {
	b := append(f.lists.scratch[:0], 'r')
	for _, r := range rooms {
		held := byte(0)
		if r.Held {
			held = 1
		}
		b = binary.LittleEndian.AppendUint64(append(b, byte(r.GPU), held), r.Bytes)
	}
	f.lists.scratch = b[:0]
	return f.lists.id(b)
}

// Room is what is left of the budget of a shared GPU.
func (m *Node) Room(gpu int) uint64 {
	free := m.hardware.Pools[0].Budget[gpu]
	for i, h := range m.held {
		if h.share > 0 && h.gpus.Has(gpu) && !m.leaves(i) {
			free -= min(free, h.share)
		}
	}
	for _, r := range m.assumedRanks {
		if r.share > 0 && r.gpus.Has(gpu) {
			free -= min(free, r.share)
		}
	}
	return free
}

// relabel finds and numbers the labels asked for that a node carries.
func (m *Node) relabel(f *Fleet, labels map[string]string) {
	m.met, m.labels = f.discriminators.met(labels), 0
	if len(m.met) == 0 {
		return
	}
	b := append(f.lists.scratch[:0], 'l')
	for _, l := range m.met {
		b = binary.LittleEndian.AppendUint32(b, uint32(l))
	}
	f.lists.scratch = b[:0]
	m.labels = f.lists.id(b)
}

// classOf describes a node as the only one of a class, with slices that it shares.
func (f *Fleet) classOf(m *Node) Class {
	c := Class{Labels: m.met}
	c.capacity, c.Rooms = f.capacityOf(m)
	if m.report.Liveness != aim.Alive {
		c.Liveness = m.report.Liveness
	}
	if c.HeldFor != 0 {
		c.For = f.reservation.For
	}
	return c
}

// newClass makes the class that a node will be the first of.
func (f *Fleet) newClass(m *Node) *Class {
	c := f.classOf(m)
	c.ID, c.Labels, c.Rooms = len(f.classes), slices.Clone(c.Labels), slices.Clone(c.Rooms)
	return &c
}
