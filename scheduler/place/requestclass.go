package place

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/topology"
)

// classKey is what a request asks of one node, whoever asks. Names are numbered, so
// that a key is compared and hashed in a few nanoseconds.
type classKey struct {
	gpus        int
	vram, share uint64
	cpus        int
	host, disk  uint64
	types       int32 // 0 = any
	selector    int32 // 0 = none
	runtime     int32 // 0 = either
	typeAsked   bool  // a type that no node has is waited for
	kind        int32 // of the other ranks of a gang, from 1; 0 = any
}

// RequestClass is all requests that ask for the same. It remembers what every class
// of nodes is to them: turned away and why, or fit, with which GPUs and how good.
// Nothing is judged twice, unless opportunity costs have changed.
type RequestClass struct {
	classKey
	types   []string // allowed; empty = any
	labels  []fleet.Label
	ids     []int32 // of labels, see fleet.Fleet.LabelNumber
	runtime string
	kind    *topology.Kind

	verdicts   []verdict // by class id
	order      []ranked  // classes that fit and have or had members, best first
	counts     []int32   // nodes by reason
	seen       int       // changes of the fleet that the counts are of
	generation uint64    // of those changes; 0 = none seen
	priceEpoch uint64    // that the order is of, see costs
	reasons    []reason  // the first stands for "fits"
	used       uint64    // when a request was last of it, in decisions
	pins       int       // by how many it must not be forgotten
}

// verdict is what one class of nodes is to a class of requests.
type verdict struct {
	reason int16   // in RequestClass.reasons; unjudged, fits, or why not
	only   int8    // the rule that alone turns it away; several, when more do
	room   bool    // nothing is missing but what others would give back
	ranked bool    // it is in the order
	free   int16   // free GPUs that would serve
	rating *rating // of one that fits, and of one that only lacks disk
}

const (
	unjudged int16 = -1
	fits     int16 = 0
	several  int8  = -1
)

// reason is why nodes are turned away.
type reason struct {
	rule    int // in rules; those that follow are for nodes that pass them all
	way     int // in which the rule is broken
	text    string
	lasting bool // an empty node of this make would be turned away too
}

// ranked is a class in the order of its score.
type ranked struct {
	score int
	class int32
	short bool // of disk: only for nodes that hold the weights already
}

// newRequestClass reads a request; k is the kind that a gang is tried on, or nil.
func newRequestClass(key classKey, r *aim.PlacementRequest, k *topology.Kind) *RequestClass {
	s := &RequestClass{classKey: key, types: typesOf(r), runtime: r.Runtime, kind: k, reasons: []reason{{rule: len(rules)}}}
	for _, name := range slices.Sorted(maps.Keys(r.Selector)) {
		s.labels = append(s.labels, fleet.Label{Key: name, Value: r.Selector[name]})
	}
	return s
}

// typesOf lists the GPU types that a request allows, in order.
func typesOf(r *aim.PlacementRequest) []string {
	if len(r.GPUTypes) == 0 && r.GPUType == "" {
		return nil
	}
	types := slices.Clone(r.GPUTypes)
	if r.GPUType != "" {
		types = append(types, r.GPUType)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// allows tells whether GPUs of this type will do.
func (s *RequestClass) allows(k topology.Kind) bool {
	return len(s.types) == 0 || slices.Contains(s.types, k.Type)
}

// needsGPU tells whether there is anything to choose on a node but the node.
func (s *RequestClass) needsGPU() bool { return s.gpus > 0 || s.share > 0 }

// perRank is how many GPUs a rank is given.
func (s *RequestClass) perRank() int {
	if s.share > 0 {
		return 1
	}
	return s.gpus
}

// forget drops what is known about classes: they have been made anew.
func (s *RequestClass) forget(f *fleet.Fleet) {
	s.verdicts, s.order, s.generation, s.reasons, s.counts = s.verdicts[:0], s.order[:0], 0, s.reasons[:1], s.counts[:0]
	s.ids = s.ids[:0]
	for _, c := range s.labels {
		s.ids = append(s.ids, f.LabelNumber(c))
	}
}

// count adds to the nodes with a reason.
func (s *RequestClass) count(reason int16, nodes int32) {
	for len(s.counts) <= int(reason) {
		s.counts = append(s.counts, 0)
	}
	s.counts[reason] += nodes
}

// knows tells whether the class is judged, by the prices of the order where it
// matters.
func (s *RequestClass) knows(class int32) bool {
	if int(class) >= len(s.verdicts) {
		return false
	}
	v := &s.verdicts[class]
	return v.reason != unjudged && (v.rating == nil || v.ranked)
}

// ranking is the place of a class in the order of scores.
func (v *verdict) ranking(class int32) ranked {
	v.ranked = true
	return ranked{score: v.rating.score, class: class, short: v.reason != fits}
}

// insert puts a class into the order.
func (s *RequestClass) insert(r ranked) {
	i, _ := slices.BinarySearchFunc(s.order, r, ranked.compare)
	s.order = slices.Insert(s.order, i, r)
}

func (a ranked) compare(b ranked) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.class, b.class))
}

// names numbers what requests ask for by name.
type names struct {
	ids     map[string]int32
	scratch []byte

	lastType string // most requests ask for the same one
	lastID   int32
}

// id returns the number of the name that build writes; 0 stands for the empty one.
func (g *names) id(name []byte) int32 {
	if len(name) == 0 {
		return 0
	}
	if id, ok := g.ids[string(name)]; ok {
		return id
	}
	id := int32(len(g.ids) + 1)
	g.ids[string(name)] = id
	return id
}

// keyOf makes the key of a request without allocating, but for names that are
// seen for the first time and for selectors with several labels.
func (g *names) keyOf(r *aim.PlacementRequest) classKey {
	key := classKey{
		gpus: r.GPUs, vram: r.VRAMBytes, share: r.ShareBytes, cpus: r.CPUs, host: r.HostBytes, disk: r.DiskBytes, typeAsked: r.TypeAsked,
	}
	if r.ShareBytes > 0 {
		key.gpus = 0 // a share is of one GPU, whatever else is said
	}
	b := g.scratch[:0]
	if r.Runtime != "" {
		key.runtime = g.id(append(append(b, 'r'), r.Runtime...))
	}
	switch {
	case len(r.GPUTypes) > 0:
		key.types = g.id(append(append(b, 't'), strings.Join(typesOf(r), "|")...))
	case r.GPUType != "":
		if r.GPUType != g.lastType {
			g.lastType, g.lastID = r.GPUType, g.id(append(append(b, 't'), r.GPUType...))
		}
		key.types = g.lastID
	}
	if len(r.Selector) > 0 {
		b = append(b, 's')
		for _, name := range slices.Sorted(maps.Keys(r.Selector)) {
			b = binary.AppendUvarint(b, uint64(len(name)))
			b = append(b, name...)
			b = binary.AppendUvarint(b, uint64(len(r.Selector[name])))
			b = append(b, r.Selector[name]...)
		}
		key.selector = g.id(b)
	}
	g.scratch = b[:0]
	return key
}
