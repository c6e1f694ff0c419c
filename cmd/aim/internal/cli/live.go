package cli

import (
	"context"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/inventory"
)

// LiveWithin is how long the nodes may take to tell what they do now. Those that
// answer do within a tenth of that.
const LiveWithin = 700 * time.Millisecond

// Live asks the nodes what their servers and GPUs do now, and adds it to them. It
// is a kindness: nodes that do not answer within that time, or no NATS, leave it unknown.
func (a *App) Live(ctx context.Context, fleet aim.Fleet, within time.Duration) {
	conn, err := a.NATS(ctx)
	if err != nil || len(fleet.Nodes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	view, err := inventory.WatchLive(ctx, conn)
	if err != nil {
		return
	}
	for !AddLive(fleet, view) {
		select {
		case <-ctx.Done():
			return
		case <-view.News():
		}
	}
}

// AddLive puts what was heard beside the nodes; complete is true when every one
// that is alive has been heard.
func AddLive(fleet aim.Fleet, view *inventory.LiveView) (complete bool) {
	complete = true
	for i := range fleet.Nodes {
		n := &fleet.Nodes[i]
		if live, ok := view.Node(n.Node); ok {
			n.Live = &live
		} else if n.Liveness == aim.Alive || n.Liveness == "" {
			complete = false
		}
	}
	return complete
}

// LiveFleet is the fleet with what it does now, nil where it cannot be asked. It is
// for commands whose answer does not depend on it.
func (a *App) LiveFleet(ctx context.Context, within time.Duration) aim.Fleet {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := a.NATS(ctx)
	if err != nil {
		return aim.Fleet{}
	}
	answer, err := inventory.AskFleet(ctx, conn)
	if err != nil {
		return aim.Fleet{}
	}
	a.Live(ctx, answer.Fleet, within)
	return answer.Fleet
}
