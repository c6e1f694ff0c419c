package inventory

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// visible tells whether the node has described itself, or is expected.
func (p *peer) visible() bool { return p.node.ID != "" }

// fleetNode is the node as others see it.
func (p *peer) fleetNode(now time.Time) aim.FleetNode {
	n := aim.FleetNode{Node: p.node, Liveness: p.verdict.Liveness}
	if !p.heard.IsZero() {
		n.AgeMS = now.Sub(p.heard).Milliseconds()
	}
	if why := p.rival.conflict; why != "" {
		n.Cordon = fmt.Sprintf("refused: %s", why)
	}
	return n
}

// fleet lists the nodes by id.
func (t *tracker) fleet(now time.Time) aim.Fleet {
	f := aim.Fleet{Nodes: make([]aim.FleetNode, 0, len(t.peers))}
	for _, id := range slices.Sorted(maps.Keys(t.peers)) {
		if p := t.peers[id]; p.visible() {
			f.Nodes = append(f.Nodes, p.fleetNode(now))
		}
	}
	return f
}

// since lists what has changed after a mark.
func (t *tracker) since(mark uint64, now time.Time) Changes {
	c := Changes{Mark: t.mark}
	for _, id := range slices.Sorted(maps.Keys(t.peers)) {
		if p := t.peers[id]; p.mark > mark && p.visible() {
			c.Nodes = append(c.Nodes, p.fleetNode(now))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.removed)) {
		if t.removed[id] > mark {
			c.Removed = append(c.Removed, id)
		}
	}
	return c
}
