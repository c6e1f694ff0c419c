package node

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// errStopping hands a watch over: it is retried, and the next agent takes it up.
var errStopping = errors.New("the agent is stopping; the next one goes on watching")

// askWatched is how many times less often than about a silent claim Temporal is
// asked about one that is watched. Every beat of the watch has proved already that
// the replica's workflow wants it; only a deployment that was terminated under its
// replicas shows by asking alone.
const askWatched = 6

// Watch stays with a ready server until it is not well any more. An agent that
// stops hands the watch to the next one. Its owner is asked about now and then:
// a replica whose deployment has ended is told so.
func (n *Node) Watch(ctx context.Context, req activities.WatchRequest) error {
	stopping := activity.GetWorkerStopChannel(ctx)
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, a, leave := n.enter(ctx, req.Identity)
	defer leave()
	server, r, err := n.find(ctx, req.Identity)
	if err != nil {
		return err
	}
	if r == nil {
		return activities.Carry(aim.Failf(aim.ClassExited, "server %s is not on node %s any more", req.Server(), n.opts.ID))
	}
	if !server.Running && server.Exit != nil {
		return activities.Carry(exitOf(n.rootCause(server, r, *server.Exit)))
	}
	g := n.monitor(a, server, r, a.task(server))
	ask := time.NewTicker(askWatched * n.opts.Silence)
	defer ask.Stop()
	for {
		select {
		case <-g.done:
			switch {
			case g.failure != nil:
				return activities.Carry(g.failure)
			case n.life.Err() != nil:
				return errStopping
			}
			return activities.Carry(aim.Failf(aim.ClassCancelled, "stopped on node %s", n.opts.ID))
		case <-stopping:
			return errStopping
		case <-ctx.Done():
			return activities.Carry(a.ended(ctx.Err(), n.opts.ID))
		case <-ask.C:
			if o, err := n.ports.Owners.Owner(ctx, req.Identity); err == nil && !o.Owned {
				return activities.Carry(aim.Failf(aim.ClassOrphaned, "%s", o.Why))
			}
		}
	}
}
