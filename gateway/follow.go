package gateway

import (
	"context"
	"time"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/endpoints"
)

// FollowEndpoints takes the replicas over from the table as they change, until ctx
// ends.
func (g *Gateway) FollowEndpoints(ctx context.Context, table *endpoints.Table) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-table.Changed():
		}
		g.SetTargets(targetsOf(table.All()))
	}
}

// targetsOf are the replicas that may be sent requests, by deployment. Of a replica
// that spans nodes the first rank answers.
func targetsOf(all []endpoints.Endpoint) map[string][]route.Target {
	targets := map[string][]route.Target{}
	for _, e := range all {
		if e.Rank > 0 {
			continue
		}
		targets[e.Deployment] = append(targets[e.Deployment], route.Target{
			ID: e.Server() + "/" + e.Token, Replica: e.ReplicaName(), URL: e.URL, Serves: e.Model,
			Healthy: e.Healthy, Reason: e.Reason, Doubtful: e.Silent,
		})
	}
	return targets
}

// Control is control's administration, which says who may ask for what.
type Control interface {
	// Snapshot waits for one that is newer than version, 0 = any, for a while.
	Snapshot(ctx context.Context, version int64) (access.Snapshot, error)
}

// askControlAgain is the pause after an answer of control that has failed.
const askControlAgain = 200 * time.Millisecond

// FollowControl takes keys, aliases and deployments over as they change, until ctx
// ends, and calls heard after each. Before the first word of control nobody is let
// in. open says that nobody needs a key while there is none: the gateway listens on
// loopback alone.
func (g *Gateway) FollowControl(ctx context.Context, from Control, open bool, heard func()) {
	g.SetAccess(Access{Until: time.Now()})
	var last access.Snapshot
	failing := false
	for ctx.Err() == nil {
		s, err := from.Snapshot(ctx, last.Version)
		if (err != nil) != failing && ctx.Err() == nil {
			failing = err != nil
			g.log.Warn("keys and deployments from control", "error", err)
		}
		if err != nil {
			last.Version = 0 // another control may number otherwise
			select {
			case <-ctx.Done():
			case <-time.After(askControlAgain):
			}
			continue
		}
		last = s
		g.SetAccess(Access{Open: open && len(s.Keys) == 0, Keys: s.Keys, Aliases: s.Aliases, Until: time.Now().Add(KeyLease)})
		g.SetDeployments(s.Deployments)
		heard()
	}
}
