package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Reconcile brings ledger and runtimes together when the agent starts, before
// it takes any work. Labels are the truth about servers, the ledger about
// claims that have no server yet: a running server without a claim gets one
// back, or is stopped where somebody else holds its GPUs. Running servers are
// proved again and advertised.
func (n *Node) Reconcile(ctx context.Context) error {
	if _, err := n.Rescan(ctx); err != nil {
		return err
	}
	servers, err := n.servers(ctx)
	if err != nil {
		return err
	}
	for _, s := range servers {
		if !s.Running {
			continue
		}
		if err := n.adopt(ctx, s); err != nil {
			return err
		}
	}
	n.doubtIdle(servers)
	n.announce()
	return nil
}

// doubtIdle makes the first tending ask about claims without a running server:
// after a reboot of the machine nobody may want their GPUs any more.
func (n *Node) doubtIdle(servers []aim.Server) {
	for _, c := range n.ports.Ledger.Claims() {
		runs := func(s aim.Server) bool { return s.Running && s.Same(c.Identity) }
		if !slices.ContainsFunc(servers, runs) {
			n.attempt(c.Identity).doubt()
		}
	}
}

func (n *Node) adopt(ctx context.Context, s aim.Server) error {
	claim, claimed := n.claimOf(s.Identity)
	if !claimed && !n.hasAny(s.GPUs) {
		n.opts.Log.Warn("leaving a server alone that has none of this node's GPUs", "server", s.Name, "gpus", strings.Join(s.GPUs, " "))
		return nil
	}
	if !claimed {
		_, err := n.ports.Ledger.Claim(n.claimFor(s))
		var refused *aim.Failure
		if err != nil && !errors.As(err, &refused) {
			return fmt.Errorf("claim the GPUs of running server %s: %w", s.Name, err) // a full disk is no reason to stop it
		}
		if err != nil {
			n.opts.Log.Warn("stopping a server whose GPUs belong to another", "server", s.Name, "why", err)
			return n.stopServer(ctx, s.Identity, n.opts.Grace)
		}
	}
	if claim.Stopping {
		return nil // the Stop that was interrupted, or the ownership rule, ends it
	}
	a := n.attempt(s.Identity)
	n.opts.Log.Info("found a running server", "server", s.Name, "gpus", strings.Join(s.GPUs, " "))
	n.background.run(func() { n.readvertise(a, s) })
	return nil
}

// claimFor is the claim that a running server must have had.
func (n *Node) claimFor(s aim.Server) aim.Claim {
	c := aim.Claim{Identity: s.Identity, GPUs: s.GPUs, ShareBytes: s.Share, Port: s.Port, Since: s.Started}
	if s.Share > 0 {
		n.mu.Lock()
		defer n.mu.Unlock()
		c.OfBytes = shareBudget(n.detection, s.GPUs)
	}
	return c
}

// hasAny tells whether one of the GPUs is on this node: the runtime may be
// shared with another agent.
func (n *Node) hasAny(ids []string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.detection.GPUs, func(g aim.GPU) bool { return slices.Contains(ids, g.ID) })
}

// readvertise proves a server that was found running. One that is still
// starting is waited for by its AwaitReady.
func (n *Node) readvertise(a *attemptState, s aim.Server) {
	backend := n.ports.Backends[s.Backend]
	_, r, err := n.find(n.life, s.Identity)
	if err != nil || r == nil || backend == nil {
		return
	}
	url := n.url(s.Port)
	if backend.Health(n.life, n.ports.Client, url) != nil {
		return
	}
	task, err := backend.Prove(n.life, n.ports.Requests, url, s.Model, s.Task)
	if err != nil {
		return
	}
	n.monitor(a, s, r, task)
	if a.setEndpoint(n.endpointOf(s, task)) {
		n.announce()
	}
}

// Tend applies the ownership rule: a claim on which no activity has been at
// work for a while is asked about, and ended when its owner has ended. Where
// nobody can be asked, the server goes on serving and is shown as unowned. No
// clock alone takes a GPU.
func (n *Node) Tend(ctx context.Context) {
	n.noticeDeaf()
	if n.runtimeDue(time.Now()) {
		n.CheckRuntime(ctx)
	}
	if n.ledger.unwritable() != "" {
		n.ledger.try()
	}
	claims := n.ports.Ledger.Claims()
	n.sweep(time.Now(), claims)
	for _, c := range claims {
		a := n.attempt(c.Identity)
		if a.silentFor(time.Now()) < n.opts.Silence {
			continue
		}
		answer, err := n.ask(ctx, c)
		switch {
		case err != nil:
			if a.mark(time.Now(), err.Error()) {
				n.announce()
			}
		case answer.Owned:
			if a.mark(time.Now(), "") {
				n.announce()
			}
		default:
			n.endUnowned(ctx, c, answer.Why)
		}
	}
}

// ask wants to know whose a claim is. Only the namespace that made it can say.
func (n *Node) ask(ctx context.Context, c aim.Claim) (aim.Ownership, error) {
	if c.Namespace != "" && c.Namespace != n.opts.Namespace {
		return aim.Ownership{}, fmt.Errorf("it belongs to another Temporal namespace (%s)", c.Namespace)
	}
	return n.ports.Owners.Owner(ctx, c.Identity)
}

// endUnowned stops and releases. A failure is tried again at the next tending.
func (n *Node) endUnowned(ctx context.Context, c aim.Claim, why string) {
	log := n.opts.Log.With("replica", c.ReplicaName(), "server", c.Server(), "why", why)
	log.Warn("ending a claim that nobody owns")
	if _, err := n.stop(ctx, activities.StopRequest{Identity: c.Identity, Why: why}); err != nil {
		log.Error("could not stop the server", "error", err)
		return
	}
	if _, err := n.Release(ctx, activities.ReleaseRequest{Identity: c.Identity}); err != nil {
		log.Error("could not release the claim", "error", err)
	}
}
