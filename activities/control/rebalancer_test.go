package control

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// landlord plays the deployments of one fleet: each replica is ready, and moves
// as it is asked to.
type landlord struct {
	placer   *Placer
	statuses map[string]aim.Status
	refuses  *aim.Failure
	moves    []workflows.MoveRequest
	moved    func(name string, m workflows.MoveRequest) // brings the move about
}

func (l *landlord) Statuses(_ context.Context, names []string) map[string]aim.Status {
	found := map[string]aim.Status{}
	for _, n := range names {
		if s, ok := l.statuses[n]; ok {
			found[n] = s
		}
	}
	return found
}

func (l *landlord) Move(_ context.Context, name string, m workflows.MoveRequest) error {
	l.moves = append(l.moves, m)
	if l.refuses != nil {
		return l.refuses
	}
	l.moved(name, m)
	return nil
}

// tenancy is the claim of a deployment of one ready replica, and its status.
func tenancy(name, node string, priority int, gpus ...int) (aim.Claim, aim.Status) {
	id := identity(name)
	id.Attempt = 1
	c := aim.Claim{Identity: id}
	for _, g := range gpus {
		c.GPUs = append(c.GPUs, gpuOf(node, g))
	}
	return c, aim.Status{
		Name: id.Deployment, UID: id.UID, Phase: aim.Ready, Wanted: 1, Spec: aim.DeploymentSpec{Priority: priority},
		Replicas: []aim.ReplicaStatus{{Ordinal: id.Ordinal, Attempt: 1, Phase: aim.Ready, Node: node}},
	}
}

// Two half-empty nodes and a request for a whole one.
func fragmented(t *testing.T) (*Placer, *landlord) {
	a, statusA := tenancy("a", "n1", 0, 0)
	b, statusB := tenancy("b", "n2", 0, 0)
	p := settledPlacer(fleetNode("n1", 2, a), fleetNode("n2", 2, b))
	l := &landlord{placer: p, statuses: map[string]aim.Status{statusA.Name: statusA, statusB.Name: statusB}}
	l.moved = func(name string, m workflows.MoveRequest) {
		left, full := fleetNode(m.Off, 2), fleetNode("n2", 2)
		if m.Off == "n2" {
			full = fleetNode("n1", 2)
		}
		here, _ := tenancy("a", full.ID, 0, 0)
		there, _ := tenancy("b", full.ID, 0, 1)
		full.Claims = []aim.Claim{here, there}
		full.Claims[0].Token, full.Claims[1].Token = "token-moved-a", "token-moved-b"
		p.Update([]aim.FleetNode{left, full}, nil)
	}
	return p, l
}

func rebalancer(level RebalanceLevel, p *Placer, l *landlord) *Rebalancer {
	return &Rebalancer{Level: level, Placer: p, Deployments: l, Log: slog.New(slog.DiscardHandler)}
}

// run lets a Rebalancer work for a while.
func (r *Rebalancer) run(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	r.Run(ctx)
}

func TestRebalancerMovesOneReplicaForThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := fragmented(t)
		w := await(p, wants("big", 2, 1))
		defer w.cancel()
		rebalancer(RebalanceMove, p, l).run(10 * rebalanceEvery)
		if len(l.moves) != 1 || l.moves[0].Evict || !strings.Contains(l.moves[0].Why, "big/0") {
			t.Fatalf("moves %+v", l.moves)
		}
		if synctest.Wait(); !w.done || w.decision.Placement.Ranks[0].Node != l.moves[0].Off {
			t.Errorf("after the move off %s: %+v", l.moves[0].Off, w.decision)
		}
	})
}

func TestRebalancerOnlyProposes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := fragmented(t)
		w := await(p, wants("big", 2, 1))
		defer w.cancel()
		rebalancer(RebalancePropose, p, l).run(2 * rebalanceEvery)
		if synctest.Wait(); len(l.moves) != 0 || !strings.Contains(w.told, "Room can be made for big/0 on n") {
			t.Errorf("moves %+v, told %q", l.moves, w.told)
		}
	})
}

// Off is the default, and nobody is even asked.
func TestRebalancerIsOffUnlessItIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := fragmented(t)
		w := await(p, wants("big", 2, 1))
		defer w.cancel()
		rebalancer("", p, l).run(10 * rebalanceEvery)
		if synctest.Wait(); w.done || len(l.moves) != 0 || strings.Contains(w.told, "Room") {
			t.Errorf("moves %+v, told %q", l.moves, w.told)
		}
	})
}

// Only those of lower priority are stopped, and only where stopping is allowed.
func TestRebalancerStopsLowerPriorities(t *testing.T) {
	for _, c := range []struct {
		level    RebalanceLevel
		priority int
		evicts   bool
	}{{RebalanceMove, 5, false}, {RebalancePreempt, 0, false}, {RebalancePreempt, 5, true}} {
		synctest.Test(t, func(t *testing.T) {
			held, status := tenancy("low", "n1", 0, 0, 1)
			p := settledPlacer(fleetNode("n1", 2, held))
			l := &landlord{placer: p, statuses: map[string]aim.Status{status.Name: status}}
			l.moved = func(string, workflows.MoveRequest) { p.Update([]aim.FleetNode{fleetNode("n1", 2)}, nil) }
			req := wants("urgent", 2, 1)
			req.Priority = c.priority
			w := await(p, req)
			defer w.cancel()
			rebalancer(c.level, p, l).run(5 * rebalanceEvery)
			if synctest.Wait(); w.done != c.evicts || (len(l.moves) == 1 && l.moves[0].Evict) != c.evicts {
				t.Errorf("%s for priority %d: moves %+v, placed %t", c.level, c.priority, l.moves, w.done)
			}
		})
	}
}

// A replica that could not be moved is left alone for a while; another one is
// tried instead.
func TestRebalancerDoesNotInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l := fragmented(t)
		l.refuses = aim.Failf(aim.ClassConflict, "it is being changed")
		w := await(p, wants("big", 2, 1))
		defer w.cancel()
		rebalancer(RebalanceMove, p, l).run(10 * rebalanceEvery)
		if len(l.moves) != 2 || l.moves[0].Off == l.moves[1].Off {
			t.Errorf("moves %+v, want one of each node", l.moves)
		}
	})
}
