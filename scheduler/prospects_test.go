package scheduler

import (
	"fmt"
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
