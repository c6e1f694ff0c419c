package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Claim gives GPUs of this node to an attempt: all of them or none. It reads
// the GPUs afresh, checks that nobody uses them, picks a port, and writes the
// ledger. The same attempt asking again gets the same claim.
func (n *Node) Claim(ctx context.Context, req activities.ClaimRequest) (activities.ClaimResult, error) {
	_, a, leave := n.enter(ctx, req.Identity)
	defer leave()
	if err := n.checkAccess(ctx, req); err != nil {
		return activities.ClaimResult{}, activities.Carry(err)
	}
	a.order.Lock()
	defer a.order.Unlock()

	req.Identity.Namespace = n.opts.Namespace
	if c, ok := n.claimOf(req.Identity); ok {
		return activities.ClaimResult{Claim: c}, nil
	}
	if why := n.ports.Ledger.State().Cordon; why != "" && !n.stays(req) {
		return activities.ClaimResult{}, activities.Carry(aim.Failf(aim.ClassRefused, "node %s is cordoned: %s", n.opts.ID, why))
	}
	if err := n.checkShare(req); err != nil {
		return activities.ClaimResult{}, activities.Carry(err)
	}
	detection, err := n.checkClean(ctx, req)
	if err != nil {
		return activities.ClaimResult{}, activities.Carry(err)
	}
	claim, err := n.writeClaim(req, detection)
	if err != nil {
		return activities.ClaimResult{}, activities.Carry(err)
	}
	if req.Replaces != "" {
		old := req.Identity
		old.Token = req.Replaces
		n.forget(old)
	}
	n.announce()
	return activities.ClaimResult{Claim: claim}, nil
}

// stays tells whether the claim takes over what an earlier attempt of the replica holds
// here: a cordon is for what is new.
func (n *Node) stays(req activities.ClaimRequest) bool {
	wish := aim.Claim{Identity: req.Identity, Replaces: req.Replaces}
	return slices.ContainsFunc(n.ports.Ledger.Claims(), func(c aim.Claim) bool {
		return c.ReplacedBy(wish) && slices.Equal(c.GPUs, req.GPUs)
	})
}

// claimOf finds the claim of exactly this attempt.
func (n *Node) claimOf(id aim.Identity) (aim.Claim, bool) {
	for _, c := range n.ports.Ledger.Claims() {
		if c.Same(id) {
			return c, true
		}
	}
	return aim.Claim{}, false
}

// writeClaim picks a port and writes the claim. Another claim may take the port
// in between; then the next one is tried.
func (n *Node) writeClaim(req activities.ClaimRequest, d aim.Detection) (aim.Claim, error) {
	claim := aim.Claim{
		Identity: req.Identity, GPUs: slices.Clone(req.GPUs), Since: time.Now().UTC(), Replaces: req.Replaces,
		CPUs: req.Resources.CPUs, HostBytes: req.Resources.HostBytes,
	}
	if req.ShareBytes > 0 {
		claim.ShareBytes, claim.OfBytes = req.ShareBytes, shareBudget(d, req.GPUs)
	}
	var taken []int
	for {
		port, err := n.freePort(taken)
		if err != nil {
			return aim.Claim{}, err
		}
		claim.Port = port
		written, err := n.ports.Ledger.Claim(claim)
		var errno syscall.Errno
		if errors.As(err, &errno) { // full, over its quota, read-only, broken, not ours: another node may be well
			return aim.Claim{}, aim.Failf(aim.ClassDisk, "node %s cannot write its ledger: %v", n.opts.ID, err).
				WithHint("make its folder writable again: %s", filepath.Join(n.opts.Dir, "ledger"))
		}
		if err == nil || !n.portClaimed(port) {
			return written, err
		}
		taken = append(taken, port)
	}
}

func (n *Node) portClaimed(port int) bool {
	return slices.ContainsFunc(n.ports.Ledger.Claims(), func(c aim.Claim) bool { return c.Port == port })
}

// freePort finds a port of the node's range that no claim has and nobody
// listens on.
func (n *Node) freePort(skip []int) (int, error) {
	for port := n.opts.Ports.First; port <= n.opts.Ports.Last; port++ {
		if slices.Contains(skip, port) || n.portClaimed(port) {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(n.opts.Address, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port, nil
	}
	return 0, aim.Failf(aim.ClassRefused, "no free port in %d-%d on node %s", n.opts.Ports.First, n.opts.Ports.Last, n.opts.ID).
		WithHint("widen the range with --ports")
}

// Release ends the attempt's claim. The GPUs are free for others from here on.
func (n *Node) Release(ctx context.Context, req activities.ReleaseRequest) (activities.StepResult, error) {
	_, a, leave := n.enter(ctx, req.Identity)
	defer leave()
	a.order.Lock()
	defer a.order.Unlock()
	if err := n.ports.Ledger.Release(req.Identity); err != nil {
		return activities.StepResult{}, fmt.Errorf("release the claim of %s: %w", req.ReplicaName(), err)
	}
	n.forget(req.Identity)
	n.announce()
	return activities.StepResult{}, nil
}
