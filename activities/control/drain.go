package control

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/workflows"
)

const (
	// viewWithin bounds how long ViewNode waits for a change.
	viewWithin = 30 * time.Second
	// viewEvery is how often it looks. Who holds a node is known by its inventory;
	// only how they are has to be asked for.
	viewEvery = time.Second
)

// ViewNode answers what is on a node as soon as that is not what the asker knows.
func (c *Control) ViewNode(ctx context.Context, req activities.ViewNodeRequest) (activities.NodeView, error) {
	ctx, cancel := untilWorkerStops(ctx)
	defer cancel()
	until := time.NewTimer(viewWithin)
	defer until.Stop()
	tick := time.NewTicker(viewEvery)
	defer tick.Stop()
	for {
		fleet := c.Placer.Fleet()
		n, _ := fleet.Find(req.Node)
		view := viewOf(n, c.Deployments.Statuses(ctx, deploymentsOn(aim.Fleet{Nodes: []aim.FleetNode{n}})))
		if view.Known != req.Known {
			return view, nil
		}
		select {
		case <-ctx.Done():
			return view, nil
		case <-until.C:
			return view, nil
		case <-tick.C:
		}
	}
}

// viewOf puts together what a node holds and how its holders are. A claim that no
// deployment knows is the node's to end.
func viewOf(n aim.FleetNode, statuses map[string]aim.Status) activities.NodeView {
	v := activities.NodeView{Liveness: n.Liveness, BootID: n.BootID, Cordon: n.Cordon, Replicas: []activities.NodeReplica{}}
	if n.ID != "" && n.Liveness == "" {
		v.Liveness = aim.Alive
	}
	for _, c := range n.Claims {
		r := activities.NodeReplica{Deployment: c.Deployment, Ordinal: c.Ordinal, Token: c.Token}
		if s := statuses[c.Deployment]; s.UID == c.UID {
			r.Moving, r.Reason = len(s.Replicas) > s.Wanted, activities.Clip(s.Reason, activities.MaxText)
			for _, known := range s.Replicas {
				if known.Ordinal == c.Ordinal && known.Attempt == c.Attempt {
					r.Phase = known.Phase
				}
			}
		}
		v.Replicas = append(v.Replicas, r)
	}
	slices.SortFunc(v.Replicas, func(a, b activities.NodeReplica) int {
		return cmp.Or(strings.Compare(a.Deployment, b.Deployment), a.Ordinal-b.Ordinal, strings.Compare(a.Token, b.Token))
	})
	text, _ := json.Marshal(v) // words and numbers only
	h := fnv.New64a()
	_, _ = h.Write(text) // never fails
	v.Known = fmt.Sprintf("%016x", h.Sum64())
	return v
}

// MoveReplica asks a deployment to take a replica off a node that is being emptied.
func (c *Control) MoveReplica(ctx context.Context, req activities.MoveReplicaRequest) error {
	return activities.Carry(c.Deployments.Move(ctx, req.Deployment, workflows.MoveRequest{
		Ordinal: req.Ordinal, Off: req.Off, Evict: req.StopFirst, Drain: true, Why: req.Why}))
}
