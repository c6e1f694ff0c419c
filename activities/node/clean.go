package node

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// checkClean looks at the GPUs as they are now, and returns what it saw. Servers
// of ours that no claim explains are stopped first; anything else in the way is
// a refusal that says who or what.
func (n *Node) checkClean(ctx context.Context, req activities.ClaimRequest) (aim.Detection, error) {
	if err := n.reapLeftovers(ctx, req.GPUs); err != nil {
		return aim.Detection{}, err
	}
	d, err := n.Rescan(ctx)
	if err != nil {
		return aim.Detection{}, err
	}
	strangers, err := n.strangers(ctx)
	if err != nil {
		return aim.Detection{}, err
	}
	claims, state := n.ports.Ledger.Claims(), n.ports.Ledger.State()
	wish := aim.Claim{Identity: req.Identity, Replaces: req.Replaces}
	claims = slices.DeleteFunc(claims, func(c aim.Claim) bool { return c.ReplacedBy(wish) })
	for _, id := range req.GPUs {
		if why := obstacle(id, req.ShareBytes > 0, d, claims, state, strangers); why != "" {
			return aim.Detection{}, aim.Failf(aim.ClassRefused, "%s on node %s: %s", id, n.opts.ID, why)
		}
	}
	return d, nil
}

// obstacle says why a GPU, or a share of it, cannot be given out, or "".
func obstacle(id string, share bool, d aim.Detection, claims []aim.Claim, state aim.NodeState, strangers []aim.Stranger) string {
	g, ok := findGPU(d, id)
	if !ok {
		return "there is no such GPU now"
	}
	if why, ok := state.Quarantine[id]; ok {
		return "quarantined: " + why
	}
	for _, c := range claims {
		if c.Holds(id) && !(share && c.ShareBytes > 0) { // how much is left, the ledger knows
			return "claimed by " + c.ReplicaName()
		}
	}
	for _, s := range strangers {
		if slices.Contains(s.Renders, path.Base(g.Render())) {
			return "given to " + s.Who
		}
	}
	g.Busy = unexplained(g, claims)
	if ok, why := g.Usable(); !ok {
		return why
	}
	return ""
}

func findGPU(d aim.Detection, id string) (aim.GPU, bool) {
	i := slices.IndexFunc(d.GPUs, func(g aim.GPU) bool { return g.ID == id })
	if i < 0 {
		return aim.GPU{}, false
	}
	return d.GPUs[i], true
}

func (n *Node) strangers(ctx context.Context) ([]aim.Stranger, error) {
	if n.ports.Strangers == nil {
		return nil, nil
	}
	return n.ports.Strangers(ctx)
}

// leftoverGrace is for servers that nobody uses any more. Claim has 5 s in all.
const leftoverGrace = 2 * time.Second

// reapLeftovers stops running servers of ours that hold one of the GPUs
// without a claim.
func (n *Node) reapLeftovers(ctx context.Context, ids []string) error {
	servers, err := n.servers(ctx)
	if err != nil {
		return err
	}
	for _, s := range servers {
		_, claimed := n.claimOf(s.Identity)
		if !s.Running || claimed || !slices.ContainsFunc(s.GPUs, func(g string) bool { return slices.Contains(ids, g) }) {
			continue
		}
		n.opts.Log.Warn("stopping a server that has no claim", "replica", s.ReplicaName(), "server", s.Name, "gpus", strings.Join(s.GPUs, " "))
		if err := n.stopServer(ctx, s.Identity, min(n.opts.Grace, leftoverGrace)); err != nil {
			return fmt.Errorf("stop leftover server %s: %w", s.Name, err)
		}
	}
	return nil
}

// servers lists what all runtimes know.
func (n *Node) servers(ctx context.Context) ([]aim.Server, error) {
	var all []aim.Server
	for _, r := range n.ports.Runtimes {
		servers, err := r.List(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the servers of runtime %s: %w", r.Name(), err)
		}
		all = append(all, servers...)
	}
	return all, nil
}

// find returns the attempt's server and its runtime.
func (n *Node) find(ctx context.Context, id aim.Identity) (aim.Server, Runtime, error) {
	for _, r := range n.ports.Runtimes {
		s, ok, err := r.Find(ctx, id)
		if err != nil {
			return aim.Server{}, nil, fmt.Errorf("look for server %s in runtime %s: %w", id.Server(), r.Name(), err)
		}
		if ok {
			return s, r, nil
		}
	}
	return aim.Server{}, nil, nil
}
