package scheduler

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// TestTurnoverIsWhatLeavesAgain: it is none while replicas only come, follows
// what the nodes report as well as what is given up before, and forgets.
func TestTurnoverIsWhatLeavesAgain(t *testing.T) {
	s := New(Options{})
	node := benchNode(0)
	node.Claims = nil
	s.Apply(node)
	request := func(i int) aim.Request {
		return aim.Request{Deployment: fmt.Sprint("d", i), UID: "u", Token: fmt.Sprint("t", i), GPUs: 1}
	}
	want := func(turnover float64) {
		t.Helper()
		if got := s.x.outlook.turnover(); got != turnover {
			t.Fatalf("turnover %v, want %v", got, turnover)
		}
	}
	want(0)
	for i := range 4 {
		if d := s.Place(request(i), time.Time{}); d.Outcome != aim.Place {
			t.Fatal(d)
		}
	}
	want(0)
	given := request(0)
	s.Cancel(&given)
	want(1. / 4)

	// The node claims what was proposed, which is no change, and then one leaves.
	claimed := s.Snapshot().Nodes[0]
	s.Apply(claimed)
	want(1. / 4)
	gone := claimed
	gone.Claims = claimed.Claims[1:]
	s.Apply(gone)
	want(2. / 4)

	// A GPU that comes and goes by itself is nobody's.
	flapping := gone
	flapping.GPUs = slices.Clone(gone.GPUs)
	for _, health := range []aim.Health{aim.HealthUnhealthy, aim.HealthOK, aim.HealthUnhealthy, aim.HealthOK} {
		flapping.GPUs[7].Health = health
		s.Apply(flapping)
		flapping.GPUs = slices.Clone(flapping.GPUs)
	}
	want(2. / 4)

	for range 2 * lately {
		r := request(9)
		s.Place(r, time.Time{})
		s.Cancel(&r)
		s.x.outlook.turnover()
	}
	if got := s.x.outlook.turnover(); got < 0.99 {
		t.Errorf("turnover %v after all that has come has left for long", got)
	}
}

// TestAShareThatIsClaimedHasNotLeft: the claim takes the place of what was
// proposed, on a GPU that others share too.
func TestAShareThatIsClaimedHasNotLeft(t *testing.T) {
	s := New(Options{})
	node := benchNode(0)
	node.Shares, node.Claims = true, nil
	s.Apply(node)
	for i := range 8 {
		r := aim.Request{Deployment: fmt.Sprint("d", i), UID: "u", Token: fmt.Sprint("t", i), ShareBytes: 20 << 30}
		if d := s.Place(r, time.Time{}); d.Outcome != aim.Place {
			t.Fatal(d)
		}
		s.Apply(s.Snapshot().Nodes[0])
	}
	if p := s.x.outlook; p.came != 8 || p.left != 0 {
		t.Errorf("%v have come and %v have left, want 8 and none", p.came, p.left)
	}
}
