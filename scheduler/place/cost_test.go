package place

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
)

// counted is a fleet whose turnover is counted as the scheduler does.
type counted struct {
	t *testing.T
	f *fleet.Fleet
	p *Placer
}

func newCounted(t *testing.T, n aim.FleetNode) *counted {
	f := fleet.New()
	c := &counted{t, f, New(f)}
	c.apply(n)
	return c
}

func (c *counted) apply(n aim.FleetNode) { c.p.Count(c.f.Apply(n)) }

func (c *counted) place(r aim.PlacementRequest) {
	c.t.Helper()
	run := c.p.Decide(&r)
	if run.Ranks() == 0 {
		c.t.Fatal(run.Explained())
	}
	c.f.Assume(&r, time.Time{}, run.Ranks(), run.Rank)
	c.p.Count(run.Ranks())
}

func (c *counted) cancel(r aim.PlacementRequest) { c.p.Count(-c.f.Forget(&r)) }

// TestTurnoverIsWhatLeavesAgain: it is none while replicas only come, follows what
// the nodes report as well as what is given up before, and forgets.
func TestTurnoverIsWhatLeavesAgain(t *testing.T) {
	node := fleettest.MI300X(0)
	node.Claims = nil
	c := newCounted(t, node)
	request := func(i int) aim.PlacementRequest {
		return aim.PlacementRequest{Deployment: fmt.Sprint("d", i), UID: "u", Token: fmt.Sprint("t", i), GPUs: 1}
	}
	want := func(turnover float64) {
		t.Helper()
		if got := c.p.costs.turnover(); got != turnover {
			t.Fatalf("turnover %v, want %v", got, turnover)
		}
	}
	want(0)
	for i := range 4 {
		c.place(request(i))
	}
	want(0)
	c.cancel(request(0))
	want(1. / 4)

	// The node claims what was proposed, which is no change, and then one leaves.
	claimed := c.f.Snapshot().Nodes[0]
	c.apply(claimed)
	want(1. / 4)
	gone := claimed
	gone.Claims = claimed.Claims[1:]
	c.apply(gone)
	want(2. / 4)

	// A GPU that comes and goes by itself is nobody's.
	flapping := gone
	flapping.GPUs = slices.Clone(gone.GPUs)
	for _, health := range []aim.Health{aim.HealthUnhealthy, aim.HealthOK, aim.HealthUnhealthy, aim.HealthOK} {
		flapping.GPUs[7].Health = health
		c.apply(flapping)
		flapping.GPUs = slices.Clone(flapping.GPUs)
	}
	want(2. / 4)

	for range 2 * lately {
		c.place(request(9))
		c.cancel(request(9))
	}
	if got := c.p.costs.turnover(); got < 0.99 {
		t.Errorf("turnover %v after all that has come has left for long", got)
	}
}

// TestAShareThatIsClaimedHasNotLeft: the claim takes the place of what was proposed,
// on a GPU that others share too.
func TestAShareThatIsClaimedHasNotLeft(t *testing.T) {
	node := fleettest.MI300X(0)
	node.Shares, node.Claims = true, nil
	c := newCounted(t, node)
	for i := range 8 {
		c.place(aim.PlacementRequest{Deployment: fmt.Sprint("d", i), UID: "u", Token: fmt.Sprint("t", i), ShareBytes: 20 << 30})
		c.apply(c.f.Snapshot().Nodes[0])
	}
	if k := c.p.costs; k.came != 8 || k.left != 0 {
		t.Errorf("%v have come and %v have left, want 8 and none", k.came, k.left)
	}
}
