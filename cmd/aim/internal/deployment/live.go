package deployment

import (
	"context"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// addLive adds to ready replicas what their servers do now, as far as the nodes
// tell in time.
func addLive(ctx context.Context, a *cli.App, all []aim.Status) {
	for _, s := range all {
		for _, r := range s.Replicas {
			if r.Endpoint != "" {
				addLiveOf(a.LiveFleet(ctx, cli.LiveWithin), all)
				return
			}
		}
	}
}

// addLiveOf adds to replicas what this fleet tells of their servers.
func addLiveOf(fleet aim.Fleet, all []aim.Status) {
	servers := map[string]*aim.ReplicaStatus{}
	for _, s := range all {
		for i := range s.Replicas {
			if r := &s.Replicas[i]; r.Endpoint != "" {
				id := aim.Identity{Deployment: s.Name, UID: s.UID, Ordinal: r.Ordinal, Attempt: r.Attempt}
				servers[id.Server()] = r
			}
		}
	}
	for _, n := range fleet.Nodes {
		if n.Live == nil {
			continue
		}
		for name, l := range n.Live.Servers {
			if r := servers[name]; r != nil {
				r.Live = &l
			}
		}
	}
}
