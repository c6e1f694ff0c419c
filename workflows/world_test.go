package workflows

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// world plays fleet, nodes and scheduler for the workflows under test. It
// keeps what a node would keep, so that tests can ask whether anything leaked.
type world struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu       sync.Mutex
	calls    []string
	claims   map[string]aim.Identity // by token
	over     map[string]bool         // tokens that have been released
	servers  map[string]aim.Identity // by token
	single   bool                    // n1 is the only node
	selected []string                // nodes that places were asked for on; "" = any
	both     bool                    // two servers of one replica were seen at once
	reports  []report
	on       map[string]func(call int) error // by activity: what its n-th call answers
	count    map[string]int
	ladder   aim.Ladder
	watch    chan error // ends the watch at hand
}

func newWorld(t *testing.T, id string) *world {
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w := &world{
		t: t, env: suite.NewTestWorkflowEnvironment(), ladder: threeRungs(),
		claims: map[string]aim.Identity{}, over: map[string]bool{}, servers: map[string]aim.Identity{},
		on: map[string]func(int) error{}, count: map[string]int{}, watch: make(chan error, 8),
	}
	w.env.SetTestTimeout(20 * time.Second)
	w.env.SetStartWorkflowOptions(temporalStart(id))
	Register(w.env)
	for name, fn := range map[string]any{
		activities.SelectRecipes: w.selectRecipes, activities.Place: w.place, activities.AwaitTurn: w.place,
		activities.Claim: w.claim, activities.PullImage: w.pull, activities.FetchModel: w.fetch,
		activities.Start: w.start, activities.AwaitReady: w.ready, activities.Watch: w.watching,
		activities.Stop: w.stop, activities.Release: w.release,
	} {
		w.env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	w.env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	w.env.OnUpsertMemo(mock.Anything).Return(nil).Maybe()
	return w
}

// call counts an activity and answers with what the test has set for it.
func (w *world) call(name string) error {
	w.mu.Lock()
	w.calls = append(w.calls, name)
	w.count[name]++
	n, fn := w.count[name], w.on[name]
	w.mu.Unlock()
	if fn == nil {
		return nil
	}
	return fn(n)
}

// failing answers the first n calls with a failure of this class.
func failing(n int, class aim.FailureClass) func(int) error {
	return func(call int) error {
		if call > n {
			return nil
		}
		f := aim.Failf(class, "made to fail")
		return temporal.NewApplicationErrorWithOptions(f.Text(), string(class),
			temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*f}})
	}
}

func (w *world) selectRecipes(context.Context, activities.SelectRequest) (activities.SelectResult, error) {
	return activities.SelectResult{Ladder: w.ladder}, w.call(activities.SelectRecipes)
}

func (w *world) place(_ context.Context, req activities.PlaceRequest) (activities.PlaceResult, error) {
	if err := w.call(activities.Place); err != nil {
		return activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Impossible}}, nil
	}
	w.mu.Lock()
	w.selected = append(w.selected, req.Selector[aim.NodeLabel])
	w.mu.Unlock()
	node := "n1"
	if _, avoid := req.Avoid["n1"]; avoid {
		if w.single {
			return activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Impossible}}, nil
		}
		node = "n2"
	}
	return activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Place, Placement: &aim.Placement{
		Ranks: []aim.Rank{{Node: node, GPUs: []string{"GPU-1"}}}, Why: "because"}}}, nil
}

func (w *world) claim(_ context.Context, req activities.ClaimRequest) (activities.ClaimResult, error) {
	if err := w.call(activities.Claim); err != nil {
		return activities.ClaimResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over[req.Token] { // the test environment does not wait for a cancelled activity, the server does
		return activities.ClaimResult{}, context.Canceled
	}
	delete(w.claims, req.Replaces)
	w.claims[req.Token] = req.Identity
	return activities.ClaimResult{Claim: aim.Claim{Identity: req.Identity, GPUs: req.GPUs, Port: 8000}}, nil
}

func (w *world) pull(context.Context, activities.PullRequest) (activities.StepResult, error) {
	return activities.StepResult{}, w.call(activities.PullImage)
}

func (w *world) fetch(context.Context, activities.FetchRequest) (activities.StepResult, error) {
	return activities.StepResult{}, w.call(activities.FetchModel)
}

func (w *world) start(_ context.Context, req activities.StartRequest) (activities.StartResult, error) {
	w.mu.Lock()
	if _, ok := w.claims[req.Token]; !ok {
		w.mu.Unlock()
		return activities.StartResult{}, errors.New("started without a claim")
	}
	for _, s := range w.servers {
		w.both = w.both || s.UID == req.UID && s.Ordinal == req.Ordinal && s.Token != req.Token
	}
	w.servers[req.Token] = req.Identity
	w.mu.Unlock()
	return activities.StartResult{}, w.call(activities.Start)
}

func (w *world) ready(_ context.Context, req activities.ReadyRequest) (activities.ReadyResult, error) {
	err := w.call(activities.AwaitReady)
	return activities.ReadyResult{Endpoint: aim.Endpoint{Identity: req.Identity, URL: "http://n1:8000", Model: "m", Healthy: true}}, err
}

// watching lasts until the test or a cancellation ends it.
func (w *world) watching(ctx context.Context, _ activities.WatchRequest) error {
	if err := w.call(activities.Watch); err != nil {
		return err
	}
	select {
	case err := <-w.watch:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *world) stop(_ context.Context, req activities.StopRequest) (activities.StopResult, error) {
	if err := w.call(activities.Stop); err != nil {
		return activities.StopResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.servers, req.Token)
	return activities.StopResult{}, nil
}

func (w *world) release(_ context.Context, req activities.ReleaseRequest) (activities.StepResult, error) {
	if err := w.call(activities.Release); err != nil {
		return activities.StepResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, running := w.servers[req.Token]; running {
		w.t.Error("a claim was released while its server was running")
	}
	delete(w.claims, req.Token)
	w.over[req.Token] = true
	return activities.StepResult{}, nil
}

// clean asserts that nothing is left on the nodes and that no replica ever had
// two servers.
func (w *world) clean() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.claims) > 0 || len(w.servers) > 0 {
		w.t.Errorf("left behind: claims %v, servers %v", w.claims, w.servers)
	}
	if w.both {
		w.t.Error("two servers of one replica ran at once")
	}
}

func (w *world) did(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count[name]
}

// phases lists the reported phases in the order in which they were sent. The
// test environment delivers signals on goroutines of their own, so the last ones
// may still be on their way.
func (w *world) phases() []aim.Phase {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		w.mu.Lock()
		reports := slices.Clone(w.reports)
		w.mu.Unlock()
		slices.SortFunc(reports, func(a, b report) int { return a.Seq - b.Seq })
		if n := len(reports); n > 0 && reports[n-1].Seq == n { // the last is there once the workflow has ended
			var all []aim.Phase
			for _, r := range reports {
				all = append(all, r.Status.Phase)
			}
			return slices.Compact(all)
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("only %d reports arrived", len(reports))
		}
		runtime.Gosched()
	}
}
