package activities

import (
	"context"
	"io"

	"github.com/aim-engine/aim"
)

// Logs reads an attempt's log, running or ended. It needs no workflow: people
// ask for it.
func (n *Node) Logs(ctx context.Context, id aim.Identity, opts aim.LogOptions) (io.ReadCloser, error) {
	for _, r := range n.ports.Runtimes {
		if reader, err := r.Logs(ctx, id, opts); err == nil {
			return reader, nil
		}
	}
	return nil, aim.Failf(aim.ClassMissing, "node %s has no log of %s", n.opts.ID, id.Server()).
		WithHint("aim status %s tells the attempts", id.Deployment)
}
