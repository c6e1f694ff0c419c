package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// freeWithin is how long the memory of a stopped server may take to be seen free
// before the GPU is quarantined, unless Options say otherwise. The driver frees at once; a process that
// hangs in it does not.
const freeWithin = 30 * time.Second

// Stop ends the attempt's server and whatever this node does for it, and sees
// its GPUs' memory free. A GPU that stays in use is quarantined with the reason.
func (n *Node) Stop(ctx context.Context, req activities.StopRequest) (activities.StopResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	return n.stop(ctx, req)
}

func (n *Node) stop(ctx context.Context, req activities.StopRequest) (activities.StopResult, error) {
	a := n.attempt(req.Identity)
	a.end()
	a.order.Lock()
	defer a.order.Unlock()
	claim, claimed := n.claimOf(req.Identity)
	if claimed {
		// Only a note for the next agent: a full disk keeps no server running.
		if err := n.ports.Ledger.Stopping(req.Identity); err != nil {
			n.opts.Log.Warn("could not note that a server is being stopped", "replica", req.ReplicaName(), "error", err)
		}
	}
	n.announce()
	grace := time.Duration(req.Grace)
	if grace <= 0 {
		grace = n.opts.Grace
	}
	if err := n.stopServer(ctx, req.Identity, grace); err != nil {
		return activities.StopResult{}, err
	}
	if !claimed {
		return activities.StopResult{}, nil
	}
	return n.seeFree(ctx, claim)
}

// stopServer ends the server in whichever runtime has it.
func (n *Node) stopServer(ctx context.Context, id aim.Identity, grace time.Duration) error {
	for _, r := range n.ports.Runtimes {
		if _, ok, err := r.Find(ctx, id); err != nil || !ok {
			if err != nil {
				return fmt.Errorf("look for server %s in runtime %s: %w", id.Server(), r.Name(), err)
			}
			continue
		}
		if err := r.Stop(ctx, id, grace); err != nil {
			return fmt.Errorf("stop server %s in runtime %s: %w", id.Server(), r.Name(), err)
		}
		if err := r.Remove(ctx, id); err != nil {
			return fmt.Errorf("remove server %s in runtime %s: %w", id.Server(), r.Name(), err)
		}
	}
	return nil
}

// seeFree waits until nobody uses the claimed GPUs but those who share them, and
// quarantines the ones that stay in use.
func (n *Node) seeFree(ctx context.Context, claim aim.Claim) (activities.StopResult, error) {
	deadline := time.Now().Add(n.opts.FreeWithin)
	for wait := 10 * time.Millisecond; ; wait = min(wait*2, time.Second) {
		d, err := n.Rescan(ctx)
		if err != nil {
			return activities.StopResult{}, err
		}
		busy := stillBusy(d, claim, n.ports.Ledger.Claims())
		if len(busy) == 0 {
			return activities.StopResult{}, nil
		}
		if time.Now().After(deadline) {
			return n.quarantine(busy)
		}
		select {
		case <-ctx.Done():
			return activities.StopResult{}, ctx.Err()
		case <-time.After(wait):
		}
	}
}

func stillBusy(d aim.Detection, stopped aim.Claim, claims []aim.Claim) map[string]string {
	others := slices.DeleteFunc(claims, func(c aim.Claim) bool { return c.Same(stopped.Identity) })
	busy := map[string]string{}
	for _, id := range stopped.GPUs {
		g, ok := findGPU(d, id)
		if use := unexplained(g, others); ok && use != nil {
			busy[id] = "after its server was stopped it is still used by " + use.Who
		}
	}
	return busy
}

// quarantine takes GPUs out of placement, with the reason of each.
func (n *Node) quarantine(gpus map[string]string) (activities.StopResult, error) {
	_, err := n.editState(func(s *aim.NodeState) {
		if s.Quarantine == nil {
			s.Quarantine = map[string]string{}
		}
		for id, why := range gpus {
			n.opts.Log.Warn("quarantining a GPU", "gpu", id, "why", why)
			s.Quarantine[id] = activities.Clip(why, activities.MaxText)
		}
	})
	return activities.StopResult{Quarantined: gpus}, err
}
