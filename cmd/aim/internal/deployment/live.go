package deployment

import (
	"context"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// addLive adds to ready replicas what their servers do now, as far as the nodes
// tell in time.
func addLive(ctx context.Context, a *cli.App, all []aim.Status) {
	servers := map[string]*aim.ReplicaStatus{}
	for _, s := range all {
		for i := range s.Replicas {
			if r := &s.Replicas[i]; r.Endpoint != "" {
				id := aim.Identity{Deployment: s.Name, UID: s.UID, Ordinal: r.Ordinal, Attempt: r.Attempt}
				servers[id.Server()] = r
			}
		}
	}
	if len(servers) == 0 {
		return
	}
	for _, n := range a.LiveFleet(ctx).Nodes {
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
