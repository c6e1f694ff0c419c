package devserver_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const testQueue = "test"

var (
	model = temporal.NewSearchAttributeKeyKeyword("Model")
	gpus  = temporal.NewSearchAttributeKeyKeywordList("GPUs")
)

// collect gathers the words it is signalled (or given by update) until one of
// them is "end", and answers the query "words" meanwhile.
func collect(ctx workflow.Context) ([]string, error) {
	var words []string
	if err := workflow.SetQueryHandler(ctx, "words", func() ([]string, error) { return words, nil }); err != nil {
		return nil, err
	}
	err := workflow.SetUpdateHandler(ctx, "add", func(_ workflow.Context, word string) (int, error) {
		words = append(words, word)
		return len(words), nil
	})
	if err != nil {
		return nil, err
	}
	signals := workflow.GetSignalChannel(ctx, "word")
	for len(words) == 0 || words[len(words)-1] != "end" {
		var word string
		signals.Receive(ctx, &word)
		words = append(words, word)
		if err := workflow.UpsertMemo(ctx, map[string]any{"words": len(words)}); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// dial connects to the Temporal server of p.
func dial(t testing.TB, p *process) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{
		HostPort:  p.TemporalAddress,
		Namespace: p.Namespace,
		Logger:    sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// work runs collect and the given activities until the test ends or stop is called.
func work(t *testing.T, c client.Client, activities ...any) (stop func()) {
	t.Helper()
	w := worker.New(c, testQueue, worker.Options{})
	w.RegisterWorkflow(collect)
	w.RegisterWorkflow(waitForCancel)
	for _, a := range activities {
		w.RegisterActivity(a)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			w.Stop()
		}
	}
	t.Cleanup(stop)
	return stop
}

func startCollect(t *testing.T, c client.Client, id string, attributes ...temporal.SearchAttributeUpdate) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID:                    id,
		TaskQueue:             testQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(attributes...),
	}, collect)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func signal(t *testing.T, c client.Client, id, word string) {
	t.Helper()
	if err := c.SignalWorkflow(t.Context(), id, "", "word", word); err != nil {
		t.Fatal(err)
	}
}

// queryWords asks the open workflow id what it has collected.
func queryWords(t *testing.T, c client.Client, id string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, id, "", "words")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	if err := answer.Get(&words); err != nil {
		t.Fatal(err)
	}
	return words
}

// eventuallyWords waits until the open workflow id has collected words. Signals
// are queued, so a query may be a step ahead of them.
func eventuallyWords(t *testing.T, c client.Client, id string, want []string) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		if got := queryWords(t, c, id); !slices.Equal(got, want) {
			return fmt.Errorf("%s has %q, want %q", id, got, want)
		}
		return nil
	})
}

// eventuallyListed waits until a query finds exactly the workflows of these IDs,
// sorted. Visibility follows the workflows a moment later.
func eventuallyListed(t *testing.T, c client.Client, query string, want ...string) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		if err != nil {
			return err
		}
		var got []string
		for _, execution := range list.Executions {
			got = append(got, execution.Execution.WorkflowId)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s finds %q, want %q", query, got, want)
		}
		return nil
	})
}
