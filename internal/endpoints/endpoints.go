// Package endpoints is the one small view of who answers where: what nodes say of
// their servers, without the rest of the fleet. It has no clock and no network;
// whoever hears the nodes tells it.
//
//	t := endpoints.New()
//	t.Set("n1", version, list) // of a snapshot
//	t.Silent("n1", true)       // no beat for a while
//	for _, e := range t.All() { ... }
package endpoints

import (
	"cmp"
	"slices"
	"sync"

	"github.com/aim-engine/aim"
)

// Version orders what one node says: the epoch of its agent's start, then the
// number of the message.
type Version struct{ Epoch, Seq uint64 }

// After tells whether v is newer.
func (v Version) After(o Version) bool {
	return v.Epoch > o.Epoch || v.Epoch == o.Epoch && v.Seq > o.Seq
}

// Endpoint is one as its node tells of it, and whether that node is heard.
type Endpoint struct {
	aim.Endpoint
	Node   string
	Silent bool // its node has not been heard for a while
}

// Table holds the endpoints of all nodes. It is safe for concurrent use.
type Table struct {
	mu      sync.Mutex
	nodes   map[string]*node
	changed chan struct{}
}

type node struct {
	version   Version
	silent    bool
	endpoints []aim.Endpoint
}

// New makes a table that knows nobody.
func New() *Table {
	return &Table{nodes: map[string]*node{}, changed: make(chan struct{}, 1)}
}

// Changed fires after a change, once for several.
func (t *Table) Changed() <-chan struct{} { return t.changed }

// Set takes a node's list; an older one than is known changes nothing.
func (t *Table) Set(id string, v Version, list []aim.Endpoint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.nodes[id]
	if n == nil {
		n = &node{}
		t.nodes[id] = n
	} else if !v.After(n.version) {
		return
	}
	n.version = v
	if n.silent || !slices.Equal(n.endpoints, list) {
		n.silent, n.endpoints = false, slices.Clone(list)
		t.tell()
	}
}

// Silent notes whether a node is heard. One that is not known changes nothing.
func (t *Table) Silent(id string, silent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.nodes[id]; n != nil && n.silent != silent {
		n.silent = silent
		if len(n.endpoints) > 0 {
			t.tell()
		}
	}
}

// Remove forgets a node.
func (t *Table) Remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.nodes[id]; n != nil {
		delete(t.nodes, id)
		if len(n.endpoints) > 0 {
			t.tell()
		}
	}
}

func (t *Table) tell() {
	select {
	case t.changed <- struct{}{}:
	default: // nobody has looked since the last one
	}
}

// All lists the endpoints by deployment, ordinal and node. Of two attempts of one
// replica the older is left out: its node has not heard yet that it is over.
func (t *Table) All() []Endpoint {
	t.mu.Lock()
	defer t.mu.Unlock()
	type replica struct {
		uid           string
		ordinal, rank int
	}
	newest := map[replica]Endpoint{}
	for id, n := range t.nodes {
		for _, e := range n.endpoints {
			key := replica{e.UID, e.Ordinal, e.Rank}
			if o, ok := newest[key]; !ok || e.Attempt > o.Attempt {
				newest[key] = Endpoint{Endpoint: e, Node: id, Silent: n.silent}
			}
		}
	}
	all := make([]Endpoint, 0, len(newest))
	for _, e := range newest {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.Deployment, b.Deployment), cmp.Compare(a.Ordinal, b.Ordinal),
			cmp.Compare(a.UID, b.UID), cmp.Compare(a.Node, b.Node))
	})
	return all
}
