package node

import (
	"context"
	"io"

	"github.com/aim-engine/aim"
)

// Logs reads an attempt's log, running or ended. It needs no workflow: people
// ask for it, who know the attempt by its number and not by its token.
func (n *Node) Logs(ctx context.Context, id aim.Identity, opts aim.LogOptions) (io.ReadCloser, error) {
	for _, r := range n.ports.Runtimes {
		if reader, err := r.Logs(ctx, withToken(ctx, r, id), opts); err == nil {
			return reader, nil
		}
	}
	return nil, aim.Failf(aim.ClassMissing, "node %s has no log of %s", n.opts.ID, id.Server()).
		WithHint("aim status %s tells the attempts", id.Deployment)
}

// withToken is the identity as the runtime has it, where it knows the attempt.
// What is left of a removed server is found by its name alone.
func withToken(ctx context.Context, r Runtime, id aim.Identity) aim.Identity {
	servers, err := r.List(ctx)
	if err != nil || id.Token != "" {
		return id
	}
	for _, s := range servers {
		if s.UID == id.UID && s.Server() == id.Server() {
			return s.Identity
		}
	}
	return id
}
