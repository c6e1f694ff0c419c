package node

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Rescan reads the GPUs and remembers what it saw for the inventory.
func (n *Node) Rescan(ctx context.Context) (aim.Detection, error) {
	d, err := n.ports.GPUs.Detect(ctx)
	if err != nil {
		return aim.Detection{}, err
	}
	n.rememberErrors(d.GPUs)
	showErrors(d.GPUs, n.ports.Ledger.State().Errors)
	n.mu.Lock()
	n.detection = d
	n.mu.Unlock()
	return d, nil
}

// Inventory is what this node says about itself now. It reads the ledger and
// memory, not the hardware; Rescan does that.
func (n *Node) Inventory() aim.Node {
	n.mu.Lock()
	detection := n.detection
	n.mu.Unlock()
	state, claims, machine := n.ports.Ledger.State(), n.ports.Ledger.Claims(), n.ports.Machine()
	node := aim.Node{
		ID: n.opts.ID, Address: n.opts.Address, Host: n.opts.Host, Version: n.opts.Version,
		Simulated: n.opts.SimulateRoot != "", BootID: machine.BootID, Namespace: n.opts.Namespace,
		Epoch: n.opts.Epoch, Labels: n.labels(state.Labels), Cordon: cmp.Or(state.Cordon, n.ledger.unwritable(), n.withoutRuntime(), n.deaf()), Shares: n.opts.Shares,
		CPUs: machine.CPUs, HostBytes: machine.HostBytes, HostFree: machine.HostFree, DiskFree: machine.DiskFree,
		Detection: detection, Claims: n.marked(claims), Endpoints: n.endpoints(claims),
	}
	for _, r := range n.ports.Runtimes {
		node.Runtimes = append(node.Runtimes, r.Name())
	}
	for _, c := range claims {
		node.ClaimCPUs += c.CPUs
		node.ClaimBytes += c.HostBytes
	}
	node.GPUs = explain(detection.GPUs, claims, state.Quarantine)
	if hub, err := n.ports.Hub(""); err == nil {
		node.ModelBytes, _ = hub.List() // the cache is a preference; not being able to read it is none
		node.Models = slices.Sorted(maps.Keys(node.ModelBytes))
	}
	return node
}

// deaf says why the node does not hear of work. What is placed on it meanwhile
// would stand in its queue without a reason that anybody sees.
func (n *Node) deaf() string {
	if n.ports.Deaf == nil {
		return ""
	}
	return activities.Clip(n.ports.Deaf(), activities.MaxNote)
}

// noticeDeaf tells the fleet when the node has become deaf, or hears again.
func (n *Node) noticeDeaf() {
	why := n.deaf()
	n.mu.Lock()
	changed := why != n.wasDeaf
	n.wasDeaf = why
	n.mu.Unlock()
	if !changed {
		return
	}
	if why != "" {
		n.opts.Log.Warn("no work is heard of", "why", why)
	}
	n.announce()
}

// explain puts the node's own knowledge over what the hardware shows: a use
// that claims explain is no stranger's, and a quarantined GPU says why.
func explain(seen []aim.GPU, claims []aim.Claim, quarantine map[string]string) []aim.GPU {
	gpus := slices.Clone(seen)
	for i := range gpus {
		g := &gpus[i]
		g.Busy = unexplained(*g, claims)
		if why, ok := quarantine[g.ID]; ok && g.Health == aim.HealthOK {
			g.Health, g.HealthReason = aim.HealthQuarantined, why
		}
	}
	return gpus
}

// labels are the node's name, its settings' labels, and those it was given since.
func (n *Node) labels(state map[string]string) map[string]string {
	all := map[string]string{aim.NodeLabel: n.opts.ID}
	maps.Copy(all, n.opts.Labels)
	maps.Copy(all, state)
	return all
}

// marked adds to each claim whether its owner is known.
func (n *Node) marked(claims []aim.Claim) []aim.Claim {
	for i := range claims {
		a := n.attempt(claims[i].Identity)
		a.mu.Lock()
		claims[i].Unowned = a.unowned
		a.mu.Unlock()
	}
	return claims
}

// endpoints lists where the claimed attempts answer.
func (n *Node) endpoints(claims []aim.Claim) []aim.Endpoint {
	all := []aim.Endpoint{}
	for _, c := range claims {
		a := n.attempt(c.Identity)
		a.mu.Lock()
		if a.endpoint != nil {
			all = append(all, *a.endpoint)
		}
		a.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b aim.Endpoint) int { return strings.Compare(a.Server(), b.Server()) })
	return all
}
