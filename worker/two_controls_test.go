package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/internal/settings"
)

// runControl runs a whole control process until it is ended, at the latest with the
// test.
func runControl(t *testing.T, id string) (end func()) {
	t.Helper()
	c, err := NewControl(t.Context(), servertest.Get(t).Connection(), settings.Control{ID: id, Relief: "off"}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Run(ctx); err != nil {
			t.Errorf("control %s ended with %v", id, err)
		}
	}()
	end = func() { cancel(); <-ended }
	t.Cleanup(end)
	select {
	case <-c.telemetry.Ready():
	case <-ended:
		t.Fatalf("control %s ended", id)
	}
	return end
}

// asks is one activity that is asked for by itself.
type asks struct {
	t *testing.T
	c client.Client
}

func (a asks) start(queue, kind string, id aim.Identity, request any) client.ActivityHandle {
	a.t.Helper()
	h, err := a.c.ExecuteActivity(a.t.Context(), client.StartActivityOptions{
		ID: kind + "-" + id.Token, TaskQueue: queue, StartToCloseTimeout: 4 * servertest.Within, HeartbeatTimeout: 3 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 1},
	}, kind, request)
	if err != nil {
		a.t.Fatal(err)
	}
	return h
}

// describe tells which control has it at hand, and what it says.
func (a asks) describe(h client.ActivityHandle) (worker, note string) {
	d, err := h.Describe(a.t.Context(), client.DescribeActivityOptions{IncludeHeartbeatDetails: true})
	if err != nil {
		a.t.Fatal(err)
	}
	var p aim.Progress
	if d.HasHeartbeatDetails() {
		_ = d.GetHeartbeatDetails(&p)
	}
	return strings.TrimPrefix(d.LastWorkerIdentity, "aim-control/"), p.Note
}

// Any number of control processes may run: one of them alone answers where replicas
// go, so that nobody is promised what another was, and those who wait keep their
// order when it ends and another takes over.
func TestTwoControlsKeepOneWaitingOrder(t *testing.T) {
	const node = "two-controls"
	runNode(t, node) // it has one GPU
	a := asks{t, servertest.Get(t).Dial(t)}
	ends := map[string]func(){"two-a": runControl(t, "two-a"), "two-b": runControl(t, "two-b")}

	identity := func(n int) aim.Identity {
		return aim.Identity{Deployment: fmt.Sprint("d", n), UID: fmt.Sprint("u", n), Attempt: 1, Token: fmt.Sprint("two-controls-", n)}
	}
	request := func(n int) activities.PlaceRequest {
		id := identity(n)
		return activities.PlaceRequest{PlacementRequest: aim.PlacementRequest{Deployment: id.Deployment, UID: id.UID, Token: id.Token,
			GPUs: 1, Nodes: 1, Selector: map[string]string{aim.NodeLabel: node}, AskedAt: int64(1000 + n)}}
	}
	// Until the node is heard, nothing fits.
	has := identity(0)
	var first activities.PlaceResult
	servertest.Eventually(t, "a replica is placed", func() bool {
		if err := a.start(activities.PlaceQueue, activities.Place, has, request(0)).Get(t.Context(), &first); err != nil {
			t.Fatal(err)
		}
		return first.Outcome == aim.Place
	})
	var asked []client.ActivityHandle
	for n := 1; n <= 12; n++ {
		asked = append(asked, a.start(activities.PlaceQueue, activities.Place, identity(n), request(n)))
	}
	leader := ""
	for n, h := range asked {
		var answer activities.PlaceResult
		if err := h.Get(t.Context(), &answer); err != nil || answer.Outcome != aim.Wait {
			t.Errorf("request %d: %s, %v; the GPU is promised to another", n+1, answer.Outcome, err)
		}
		by, _ := a.describe(h)
		if leader == "" {
			leader = by
		}
		if by != leader || ends[by] == nil {
			t.Errorf("request %d was answered by %q, others by %q", n+1, by, leader)
		}
	}
	claim := activities.ClaimRequest{Identity: has, GPUs: first.Placement.Ranks[0].GPUs}
	if err := a.start(activities.NodeQueue(node), activities.Claim, has, claim).Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}

	later := a.start(activities.PlaceQueue, activities.AwaitTurn, identity(2), request(2))
	earlier := a.start(activities.PlaceQueue, activities.AwaitTurn, identity(1), request(1))
	both := func(by string) bool {
		byLater, note := a.describe(later)
		byEarlier, before := a.describe(earlier)
		return byLater == by && byEarlier == by && strings.HasPrefix(note, "2 of 2 ") && strings.HasPrefix(before, "1 of 2 ")
	}
	servertest.Eventually(t, "both wait, the earlier first", func() bool { return both(leader) })

	ends[leader]()
	delete(ends, leader)
	next := ""
	for next = range ends {
	}
	servertest.Eventually(t, "both wait at the next leader, the earlier first", func() bool { return both(next) })
	if err := a.start(activities.NodeQueue(node), activities.Release, has, activities.ReleaseRequest{Identity: has}).Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var turn activities.PlaceResult
	if err := earlier.Get(t.Context(), &turn); err != nil || turn.Outcome != aim.Place {
		t.Errorf("the earlier got %s, %v", turn.Outcome, err)
	}
	if d, err := later.Describe(t.Context(), client.DescribeActivityOptions{}); err != nil || d.Status != enums.ACTIVITY_EXECUTION_STATUS_RUNNING {
		t.Errorf("the later does not wait any more: %v, %v", d, err)
	}
	_ = later.Terminate(t.Context(), client.TerminateActivityOptions{})
}
