package fleet

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/bitset"
	"github.com/aim-engine/aim/scheduler/topology"
)

// Fleet is all nodes, and the index over them.
type Fleet struct {
	byID     map[string]*Node
	order    []*Node // by id; the place of a node in it is its slot
	everyone bitset.Set
	models   map[string]*bitset.Set // nodes with the weights of a model
	images   map[string]*bitset.Set // nodes with an image
	replicas replicas

	builds   map[string]*Hardware // by key
	hardware []*Hardware          // as first seen
	kinds    []topology.Kind      // as first seen

	discriminators discriminators
	classIndex
	assumed     assumptions
	reservation *Reservation

	version uint64
	changed []*Node // since ForgetChanged
}

// New makes a fleet without nodes.
func New() *Fleet {
	return &Fleet{
		byID: map[string]*Node{}, builds: map[string]*Hardware{}, models: map[string]*bitset.Set{}, images: map[string]*bitset.Set{},
		replicas: replicas{chains: map[string]*ReplicaOn{}}, classIndex: newClassIndex(),
	}
}

// Apply takes a node's newest report, liveness included, and ends the assumptions
// that it confirms: the node's own word counts. It returns how many ranks have
// come that were not assumed before; fewer than none have left. The report must
// not be changed afterwards.
func (f *Fleet) Apply(n aim.FleetNode) (come int) {
	m, known := f.byID[n.ID]
	if !known {
		m = f.join(n.ID)
	}
	if machine := machineDigest(&n.Node); !known || machine != m.machine {
		m.machine = machine
		f.rebuild(m, &n.Node)
		m.relabel(f, n.Labels)
	}
	f.noteCached(f.models, m, m.report.Models, n.Models)
	f.noteCached(f.images, m, m.report.Images, n.Images)
	f.noteClaims(m, m.report.Claims, n.Claims)
	come = len(n.Claims) - len(m.report.Claims)
	m.read(n)
	if !known {
		f.reattach(m)
	}
	if confirmed := f.confirm(m); known {
		come -= confirmed // those have come when they were placed
	} else {
		come = 0 // they were there before
	}
	f.Reclassify(m)
	f.touch(m)
	return come
}

// join adds a node.
func (f *Fleet) join(id string) *Node {
	m := &Node{slot: len(f.order)}
	f.byID[id] = m
	m.report.ID = id
	i, _ := slices.BinarySearchFunc(f.order, id, func(m *Node, id string) int { return cmp.Compare(m.report.ID, id) })
	f.order = slices.Insert(f.order, i, m)
	f.unsettled = true
	return m
}

// Remove forgets a node. What is assumed there stays with those who assume it.
func (f *Fleet) Remove(id string) {
	m, known := f.byID[id]
	if !known {
		return
	}
	f.noteClaims(m, m.report.Claims, nil)
	for _, r := range m.assumedRanks {
		r.on.Node = nil
	}
	m.assumedRanks = nil
	m.hardware.nodes--
	delete(f.byID, id)
	f.order = slices.DeleteFunc(f.order, func(o *Node) bool { return o == m })
	f.changed = slices.DeleteFunc(f.changed, func(o *Node) bool { return o == m })
	f.unsettled = true
	f.version++
}

// touch notes that a node has changed in a way that may help those who wait.
func (f *Fleet) touch(m *Node) {
	f.version++
	if !m.touched {
		m.touched = true
		f.changed = append(f.changed, m)
	}
}

// Changed is the nodes that have changed since ForgetChanged in a way that may help
// those who wait, and are still there.
func (f *Fleet) Changed() []*Node { return f.changed }

// ForgetChanged begins to note changes anew.
func (f *Fleet) ForgetChanged() {
	for _, m := range f.changed {
		m.touched = false
	}
	f.changed = f.changed[:0]
}

// Version grows with every change: what was found out under one version holds as
// long as it lasts.
func (f *Fleet) Version() uint64 { return f.version }

// Len is the number of nodes.
func (f *Fleet) Len() int { return len(f.order) }

// At is the node in a slot. Slots are the order of ids, and hold until the next
// Settle.
func (f *Fleet) At(slot int) *Node { return f.order[slot] }

// Node finds a node by its id; nil where there is none.
func (f *Fleet) Node(id string) *Node { return f.byID[id] }

// Hardware lists what nodes are made of, as it was first seen; the place of one in
// the list is its ID.
func (f *Fleet) Hardware() []*Hardware { return f.hardware }

// Kinds lists the kinds of GPU that have been seen, as they were first seen.
func (f *Fleet) Kinds() []topology.Kind { return f.kinds }

// Everyone is the slots of all nodes.
func (f *Fleet) Everyone() *bitset.Set { return &f.everyone }

// WithModel is the slots of the nodes that hold the weights of a model; nil where
// none does.
func (f *Fleet) WithModel(name string) *bitset.Set { return someOf(f.models, name) }

// WithImage is the slots of the nodes that hold an image; nil where none does.
func (f *Fleet) WithImage(name string) *bitset.Set { return someOf(f.images, name) }

func someOf(sets map[string]*bitset.Set, name string) *bitset.Set {
	if s := sets[name]; name != "" && s != nil && s.Size > 0 {
		return s
	}
	return nil
}

// Snapshot is the fleet as reported, with the assumed claims among the claims. It
// stays as it is when the fleet goes on, so another goroutine may read it.
func (f *Fleet) Snapshot() aim.Fleet {
	all := aim.Fleet{Nodes: make([]aim.FleetNode, len(f.order))}
	for i, m := range f.order {
		all.Nodes[i] = m.withAssumed()
	}
	return all
}

// rebuild finds the hardware of a node, shared with all that are built alike.
func (f *Fleet) rebuild(m *Node, n *aim.Node) {
	if m.hardware != nil {
		m.hardware.nodes--
	}
	h := newHardware(n)
	key := h.key()
	if known, ok := f.builds[key]; ok {
		h = known
	} else {
		h.ID = len(f.hardware)
		f.hardware = append(f.hardware, h)
		f.builds[key] = h
		for i := range h.Pools {
			if !slices.Contains(f.kinds, h.Pools[i].Kind) {
				f.kinds = append(f.kinds, h.Pools[i].Kind)
			}
		}
	}
	m.hardware = h
	h.nodes++
	m.ids = make([]string, len(h.order))
	for d, place := range h.order {
		m.ids[d] = n.GPUs[place].ID
	}
}

// noteCached keeps the sets of nodes by what lies on their disks.
func (f *Fleet) noteCached(sets map[string]*bitset.Set, m *Node, old, now []string) {
	if f.unsettled || slices.Equal(old, now) {
		return // Settle makes the sets anew
	}
	for _, name := range old {
		sets[name].Remove(m.slot)
	}
	addTo(sets, m, now)
}

func addTo(sets map[string]*bitset.Set, m *Node, names []string) {
	for _, name := range names {
		s, ok := sets[name]
		if !ok {
			s = &bitset.Set{}
			sets[name] = s
		}
		s.Add(m.slot)
	}
}
