package node

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

const (
	// checkEvery is how often the agent asks whether a runtime works: a daemon that
	// is stopped must not be found out by every replica that is placed here.
	checkEvery  = 5 * time.Second
	checkWithin = 2 * time.Second
)

// runtime is the first runtime that works.
func (n *Node) runtime(ctx context.Context) (Runtime, error) {
	var last error = aim.Failf(aim.ClassRuntime, "node %s has no runtime", n.opts.ID)
	for _, r := range n.ports.Runtimes {
		if last = r.Check(ctx); last == nil {
			return r, nil
		}
	}
	return nil, last
}

// CheckRuntime asks whether a server could be started here. While none can, the
// node takes nothing new and says why; what runs is left alone.
func (n *Node) CheckRuntime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	why := ""
	if _, err := n.runtime(ctx); err != nil {
		why = activities.Clip(fmt.Sprintf("no server can be started: %v", err), activities.MaxNote)
	}
	n.mu.Lock()
	changed := n.noRuntime != why
	n.noRuntime, n.runtimeAsked = why, time.Now()
	n.mu.Unlock()
	if !changed {
		return
	}
	if why != "" {
		n.opts.Log.Warn("taking nothing new", "why", why)
	}
	n.announce()
}

// runtimeDue tells whether it is time to ask again.
func (n *Node) runtimeDue(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return now.Sub(n.runtimeAsked) >= checkEvery
}

// withoutRuntime says why no server can be started, "" if one can.
func (n *Node) withoutRuntime() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.noRuntime
}
