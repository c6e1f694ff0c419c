package devserver_test

import (
	"context"
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// patient has an activity that sends no heartbeat: nothing but a command from
// the server can tell it to stop before its minute is over.
type patient struct{ waiting chan struct{} }

const aMinute = time.Minute

func (p *patient) Wait(ctx context.Context) error {
	close(p.waiting)
	<-ctx.Done()
	return ctx.Err()
}

func waitForCancel(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: aMinute,
		HeartbeatTimeout:    aMinute,
		WaitForCancellation: true,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	return workflow.ExecuteActivity(ctx, (*patient).Wait).Get(ctx, nil)
}

func TestCancellationReachesAnActivityWithoutHeartbeats(t *testing.T) {
	c := dial(t, serve(t))
	p := &patient{waiting: make(chan struct{})}
	work(t, c, p)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: testQueue}, waitForCancel)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.waiting:
	case <-time.After(aMinute):
		t.Fatal("the activity did not start")
	}

	began := time.Now()
	if err := c.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()); err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); !temporal.IsCanceledError(err) {
		t.Errorf("the workflow ended with %v, want cancelled", err)
	}
	took := time.Since(began)
	t.Logf("cancelled in %s", took.Round(time.Millisecond))
	if took > aMinute/4 {
		t.Errorf("cancellation took %s: it came by timeout, not by command", took)
	}
}

func TestUpdateWithStart(t *testing.T) {
	c := dial(t, serve(t))
	work(t, c)
	for i, word := range []string{"first", "second"} { // starts, then finds it open
		handle, err := c.UpdateWithStartWorkflow(t.Context(), client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
				ID: "story", TaskQueue: testQueue,
				WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			}, collect),
			UpdateOptions: client.UpdateWorkflowOptions{
				UpdateName: "add", Args: []any{word}, WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := handle.Get(t.Context(), &n); err != nil || n != i+1 {
			t.Errorf("update %q returned %d, %v, want %d", word, n, err, i+1)
		}
	}
	if words := queryWords(t, c, "story"); !slices.Equal(words, []string{"first", "second"}) {
		t.Errorf("the workflow has %q, want first and second", words)
	}
}

// six is a workflow of six steps, two beside it and four on a queue of a node.
func six(ctx workflow.Context) error {
	for step := range 6 {
		queue := testQueue
		if step >= 2 {
			queue = nodeQueue
		}
		ctx := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: queue, StartToCloseTimeout: aMinute})
		if err := workflow.ExecuteActivity(ctx, noop).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

const nodeQueue = "test-node"

func noop(context.Context) error { return nil }

// BenchmarkSixSteps is what Temporal costs a deployment. With its default of 20
// queue reads a second it takes 650 ms on one shard; tuned, about a tenth.
func BenchmarkSixSteps(b *testing.B) {
	c := dial(b, serve(b, "--dir", b.TempDir()))
	for _, queue := range []string{testQueue, nodeQueue} {
		w := worker.New(c, queue, worker.Options{DisableWorkflowWorker: queue == nodeQueue})
		w.RegisterActivity(noop)
		if queue == testQueue {
			w.RegisterWorkflow(six)
		}
		if err := w.Start(); err != nil {
			b.Fatal(err)
		}
		defer w.Stop()
	}
	for b.Loop() {
		run, err := c.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{TaskQueue: testQueue}, six)
		if err != nil {
			b.Fatal(err)
		}
		if err := run.Get(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
}
