package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// since lists what has changed after a mark. It costs what there is to tell,
// however large the fleet is.
func (t *tracker) since(mark uint64, now time.Time) Changes {
	c := Changes{Mark: t.mark}
	for e := t.news.Back(); e != nil; e = e.Prev() {
		p := e.Value.(*peer)
		if p.mark <= mark {
			break
		}
		if p.visible() {
			c.Nodes = append(c.Nodes, p.fleetNode(now))
		}
	}
	slices.SortFunc(c.Nodes, func(a, b aim.FleetNode) int { return strings.Compare(a.ID, b.ID) })
	for id, at := range t.removed {
		if at > mark {
			c.Removed = append(c.Removed, id)
		}
	}
	slices.Sort(c.Removed)
	return c
}
