package workflows_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/workflows"
)

// What only a real server shows is tried here: what becomes of messages that are
// under way when a run continues as new, and what the server refuses to carry.

func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }

// place plays scheduler and one node for the workflows of one test, which has the
// real server: everything that is asked for is there at once.
type place struct {
	t *testing.T
	c client.Client
	w worker.Worker // of the workflows, nil while none runs

	mu     sync.Mutex
	starts int
	ready  func(ctx context.Context) error // what AwaitReady waits for; nil = nothing
}

const placeNode = "server-test"

func newPlace(t *testing.T) *place {
	p := &place{t: t, c: servertest.Get(t).Dial(t)}
	p.serve(activities.PlaceQueue, map[string]any{activities.Place: p.place})
	p.serve(activities.NodeQueue(placeNode), map[string]any{
		activities.Claim: func(_ context.Context, r activities.ClaimRequest) (activities.ClaimResult, error) {
			return activities.ClaimResult{Claim: aim.Claim{Identity: r.Identity, GPUs: r.GPUs, Port: 8000}}, nil
		},
		activities.PullImage: func(context.Context, activities.PullRequest) (activities.StepResult, error) {
			return activities.StepResult{}, nil
		},
		activities.FetchModel: func(context.Context, activities.FetchRequest) (activities.StepResult, error) {
			return activities.StepResult{}, nil
		},
		activities.Start:      p.start,
		activities.AwaitReady: p.awaitReady,
		activities.Watch:      p.watch,
		activities.Stop: func(context.Context, activities.StopRequest) (activities.StopResult, error) {
			return activities.StopResult{}, nil
		},
		activities.Release: func(context.Context, activities.ReleaseRequest) (activities.StepResult, error) {
			return activities.StepResult{}, nil
		},
	})
	p.goOn()
	return p
}

// serve runs activities until the test has ended.
func (p *place) serve(queue string, all map[string]any) {
	w := worker.New(p.c, queue, worker.Options{DisableWorkflowWorker: true})
	for name, fn := range all {
		w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	if err := w.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(w.Stop)
}

// goOn lets workflows run, and halt stops them where they are: what comes meanwhile
// they find in one task.
func (p *place) goOn() {
	p.t.Helper()
	p.w = worker.New(p.c, workflows.Queue, worker.Options{})
	workflows.Register(p.w)
	p.w.RegisterActivityWithOptions(func(context.Context, activities.SelectRequest) (activities.SelectResult, error) {
		return activities.SelectResult{Ladder: aim.Ladder{Rungs: []aim.Rung{{Number: 1, Recipe: "r", GPUs: 1, GPUType: "MI300X", Backend: "vllm"}}}}, nil
	}, activity.RegisterOptions{Name: activities.SelectRecipes})
	if err := p.w.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(p.halt)
}

func (p *place) halt() {
	if p.w != nil {
		p.w.Stop()
	}
	p.w = nil
}

func (p *place) place(context.Context, activities.PlaceRequest) (activities.PlaceResult, error) {
	return activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Place, Placement: &aim.Placement{
		Ranks: []aim.Rank{{Node: placeNode, GPUs: []string{"GPU-1"}}}}}}, nil
}

func (p *place) start(context.Context, activities.StartRequest) (activities.StartResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starts++
	return activities.StartResult{}, nil
}

func (p *place) started() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts
}

func (p *place) awaitReady(ctx context.Context, r activities.ReadyRequest) (activities.ReadyResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	p.mu.Lock()
	wait := p.ready
	p.mu.Unlock()
	if wait != nil {
		if err := wait(ctx); err != nil {
			return activities.ReadyResult{}, err
		}
	}
	return activities.ReadyResult{Endpoint: aim.Endpoint{Identity: r.Identity, URL: "http://n:1", Model: "m", Healthy: true}}, nil
}

func (p *place) watch(ctx context.Context, _ activities.WatchRequest) error {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	<-ctx.Done()
	return ctx.Err()
}

// deploy starts a deployment, which is ended with the test.
func (p *place) deploy(name string, replicas int) {
	p.t.Helper()
	_, err := p.c.ExecuteWorkflow(p.t.Context(), client.StartWorkflowOptions{ID: name, TaskQueue: workflows.Queue},
		workflows.TypeDeployment, aim.DeploymentSpec{Model: "org/model", Name: name, Replicas: replicas})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		for _, id := range []string{name, workflows.ReplicaID(name, 0), workflows.ReplicaID(name, 1), workflows.ReplicaID(name, 2), workflows.ReplicaID(name, 3)} {
			_ = p.c.TerminateWorkflow(context.Background(), id, "", "the test has ended")
		}
	})
}

func (p *place) status(name string) (s aim.Status) {
	answer, err := p.c.QueryWorkflow(p.t.Context(), name, "", workflows.QueryStatus)
	if err == nil {
		err = answer.Get(&s)
	}
	if err != nil {
		return aim.Status{} // asked again
	}
	return s
}

func (p *place) awaitReadyReplicas(name string, n int) {
	p.t.Helper()
	servertest.Eventually(p.t, fmt.Sprintf("%d replicas of %s are ready", n, name), func() bool {
		ready := 0
		for _, r := range p.status(name).Replicas {
			if r.Phase == aim.Ready {
				ready++
			}
		}
		return ready == n
	})
}

// outgrow makes the history of a workflow so long that its next task is told to
// continue as new. What is said is dropped by whoever hears it.
func (p *place) outgrow(id, signal string) {
	p.t.Helper()
	junk := map[string]string{"uid": "another", "why": strings.Repeat("x", 1<<20)}
	servertest.Eventually(p.t, "the history of "+id+" is long", func() bool {
		if err := p.c.SignalWorkflow(p.t.Context(), id, "", signal, junk); err != nil {
			p.t.Fatal(err)
		}
		d, err := p.c.DescribeWorkflowExecution(p.t.Context(), id, "")
		return err == nil && d.WorkflowExecutionInfo.HistorySizeBytes > 9<<19
	})
}

func (p *place) run(id string) string {
	p.t.Helper()
	d, err := p.c.DescribeWorkflowExecution(p.t.Context(), id, "")
	if err != nil {
		p.t.Fatal(err)
	}
	return d.WorkflowExecutionInfo.Execution.RunId
}

// continued waits until a run has continued as new, and asserts that whatever it
// had begun to say was said: the server drops the rest.
func (p *place) continued(id, run string) {
	p.t.Helper()
	servertest.Eventually(p.t, id+" continues as new", func() bool { return p.run(id) != run })
	waiting := map[int64]string{}
	said := 0
	var last *history.HistoryEvent
	for events := p.c.GetWorkflowHistory(p.t.Context(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		last = e
		if a := e.GetSignalExternalWorkflowExecutionInitiatedEventAttributes(); a != nil {
			waiting[e.EventId] = a.SignalName + " to " + a.WorkflowExecution.WorkflowId
			said++
		}
		delete(waiting, e.GetExternalWorkflowExecutionSignaledEventAttributes().GetInitiatedEventId())
		delete(waiting, e.GetSignalExternalWorkflowExecutionFailedEventAttributes().GetInitiatedEventId())
	}
	if last.GetEventType() != enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW || said == 0 {
		p.t.Fatalf("%s ended with %s after %d messages", id, last.GetEventType(), said)
	}
	for _, what := range waiting {
		p.t.Errorf("%s continued as new while a message was under way: %s", id, what)
	}
}

// A rolling change tells its replicas in the very task that finds the history too
// long: the word reaches them, and the next run goes on with the change.
func TestACommandUnderWayIsNotLostAtContinueAsNew(t *testing.T) {
	p := newPlace(t)
	const name = "renews-deployment"
	p.deploy(name, 2)
	p.awaitReadyReplicas(name, 2)
	before, run := p.started(), p.run(name)
	p.halt()
	asked := make(chan error, 1)
	go func() {
		_, err := p.c.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
			WorkflowID: name, UpdateName: workflows.UpdateScale, Args: []any{workflows.ScaleRequest{Replicas: 1}}, WaitForStage: client.WorkflowUpdateStageCompleted})
		asked <- err
	}()
	p.outgrow(name, "report") // after the request, on the same connection
	p.goOn()
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	p.continued(name, run)
	servertest.Eventually(t, "one replica is left", func() bool {
		s := p.status(name)
		return len(s.Replicas) == 1 && s.Replicas[0].Phase == aim.Ready
	})
	if n := p.started() - before; n != 0 {
		t.Errorf("%d servers were started by scaling down", n)
	}
}

// A replica proves its server in the task that finds its history too long: its
// Deployment hears that it is ready.
func TestAReportUnderWayIsNotLostAtContinueAsNew(t *testing.T) {
	p := newPlace(t)
	const name = "renews-replica"
	proving, proved := make(chan struct{}, 8), make(chan struct{})
	p.ready = func(ctx context.Context) error {
		proving <- struct{}{}
		select {
		case <-proved:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.deploy(name, 1)
	<-proving
	id := workflows.ReplicaID(name, 0)
	servertest.Eventually(t, "it is proving", func() bool {
		s := p.status(name)
		return len(s.Replicas) == 1 && s.Replicas[0].Phase == aim.Proving
	})
	run := p.run(id)
	p.halt()
	p.outgrow(id, "command")
	close(proved)
	servertest.Eventually(t, "the step has ended", func() bool {
		d, err := p.c.DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && len(d.PendingActivities) == 0
	})
	p.goOn()
	p.continued(id, run)
	p.awaitReadyReplicas(name, 1)
	if n := p.started(); n != 1 {
		t.Errorf("%d servers were started, want one", n)
	}
}

// Whatever is said to a deployment, it ends when it is told to: no text of a wish or
// of a failure fills the next message.
func TestNoTextKeepsADeploymentFromEnding(t *testing.T) {
	p := newPlace(t)
	const name = "too-much"
	long := strings.Repeat("it does not end ", 90_000) // 1.4 MB; the server refuses 2
	tries := 0
	p.ready = func(context.Context) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if tries++; tries > 1 {
			return nil
		}
		f := aim.Failf(aim.ClassExited, "%s", long)
		return temporal.NewApplicationErrorWithOptions("it ended", string(f.Class), temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*f}})
	}
	p.deploy(name, 1)
	servertest.Eventually(t, "the first attempt has failed", func() bool {
		s := p.status(name)
		return len(s.Replicas) == 1 && len(s.Replicas[0].Tries) == 1
	})
	p.awaitReadyReplicas(name, 1)
	r := p.status(name).Replicas[0]
	if err := p.c.SignalWorkflow(t.Context(), workflows.ReplicaID(name, 0), "", workflows.SignalNode,
		workflows.NodeVerdict{Node: r.Node, Says: workflows.NodeHeld, Why: long}); err != nil {
		t.Fatal(err)
	}
	handle, err := p.c.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: name, UpdateName: workflows.UpdateStop, Args: []any{workflows.StopRequest{Why: long}}, WaitForStage: client.WorkflowUpdateStageCompleted})
	if err == nil {
		err = handle.Get(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{workflows.ReplicaID(name, 0), name} {
		ctx, cancel := context.WithTimeout(t.Context(), servertest.Within)
		defer cancel()
		_ = p.c.GetWorkflow(ctx, id, "").Get(ctx, nil) // how it ends is no matter here
		d, err := p.c.DescribeWorkflowExecution(t.Context(), id, "")
		if err != nil || d.WorkflowExecutionInfo.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			t.Errorf("%s still runs (%v)", id, err)
			continue
		}
		memo := 0
		for _, payload := range d.WorkflowExecutionInfo.Memo.GetFields() {
			memo += len(payload.GetData())
		}
		if memo > 4<<10 {
			t.Errorf("the memo of %s has %d bytes", id, memo)
		}
	}
}
