package devserver_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.temporal.io/sdk/client"
)

func TestGoesOnWhereItStopped(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*process)
	}{
		{"after a stop", func(p *process) {
			if code := p.stop(); code != 0 {
				p.t.Errorf("exit code %d, want 0", code)
			}
		}},
		{"after kill -9", (*process).kill},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// Characters that mean something in the URI that SQLite is given.
			dir := t.TempDir() + "/a b?c#d%41"
			args := []string{"--dir", dir, "--search-attribute", "Model=Keyword"}

			first := serve(t, args...)
			c := dial(t, first)
			stopWorker := work(t, c)
			run := startCollect(t, c, "story", model.ValueSet("m1"))
			signal(t, c, "story", "before")
			eventuallyWords(t, c, "story", []string{"before"})
			tc.end(first)
			stopWorker()

			second := serve(t, args...)
			c = dial(t, second)
			signal(t, c, "story", "after") // accepted: the workflow is open
			eventuallyListed(t, c, `Model = "m1" AND ExecutionStatus = "Running"`, "story")
			work(t, c)
			eventuallyWords(t, c, "story", []string{"before", "after"})
			signal(t, c, "story", "end")

			var words []string
			if err := c.GetWorkflow(t.Context(), "story", run.GetRunID()).Get(t.Context(), &words); err != nil {
				t.Fatal(err)
			}
			if want := []string{"before", "after", "end"}; !slices.Equal(words, want) {
				t.Errorf("the workflow collected %q, want %q", words, want)
			}
		})
	}
}

// What Temporal has confirmed is on disk, even if the process is killed in the
// middle of writing the next thing.
func TestLosesNothingConfirmedWhenKilledUnderLoad(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, "--dir", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	confirmed := make(chan string)
	var writers sync.WaitGroup
	for w := range 4 {
		c := dial(t, first)
		writers.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("w%d-%d", w, i)
				_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: testQueue}, collect)
				if err != nil {
					return // the server is gone
				}
				confirmed <- id
			}
		})
	}
	go func() { writers.Wait(); close(confirmed) }()
	var ids []string
	for id := range confirmed {
		ids = append(ids, id)
		if len(ids) == 100 {
			go func() { first.kill(); cancel() }()
		}
	}
	if len(ids) < 100 {
		t.Fatalf("only %d workflows were started", len(ids))
	}

	c := dial(t, serve(t, "--dir", dir))
	for _, id := range ids {
		if _, err := c.DescribeWorkflowExecution(t.Context(), id, ""); err != nil {
			t.Errorf("%s was confirmed before the kill and is lost: %v", id, err)
		}
	}
}
