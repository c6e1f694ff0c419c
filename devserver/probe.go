package devserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

const (
	// probeInterval is short against the second that a start takes.
	probeInterval = 10 * time.Millisecond
	// probeTimeout cuts a question that was asked too early to be answered.
	probeTimeout = 2 * time.Second
)

// awaitReady returns when a client can do anything at once: start workflows, list
// them, poll, and open the UI. It gives up when ctx ends, with what was missing.
func awaitReady(ctx context.Context, r Ready, logger *slog.Logger) error {
	c, err := client.NewLazyClient(client.Options{
		HostPort:  r.TemporalAddress,
		Namespace: r.Namespace,
		Logger:    sdklog.NewStructuredLogger(logger),
	})
	if err != nil {
		return fmt.Errorf("probe Temporal: %w", err)
	}
	defer c.Close()
	for _, p := range []struct {
		name  string
		probe func(context.Context) error
	}{
		{"Temporal frontend", func(ctx context.Context) error { return probeFrontend(ctx, c) }},
		{"Temporal history", func(ctx context.Context) error { return probeHistory(ctx, c) }},
		{"Temporal matching", func(ctx context.Context) error { return probeMatching(ctx, c) }},
		{"Temporal visibility", func(ctx context.Context) error { return probeVisibility(ctx, c) }},
		{"Temporal UI", func(ctx context.Context) error {
			return probeUI(ctx, r.UIAddress+"/api/v1/namespaces/"+url.PathEscape(r.Namespace))
		}},
	} {
		if err := retry(ctx, p.probe); err != nil {
			return fmt.Errorf("wait for %s: %w", p.name, err)
		}
	}
	return nil
}

// retry repeats f until it succeeds. When ctx ends it returns the last error of f.
func retry(ctx context.Context, f func(context.Context) error) error {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, probeTimeout)
		err := f(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

func probeFrontend(ctx context.Context, c client.Client) error {
	_, err := c.CheckHealth(ctx, nil)
	return err
}

// absent is an ID and a queue that nobody uses.
const absent = "aim-devserver-probe"

// probeHistory asks for a workflow that does not exist: only the history shard,
// once it is loaded, can know that.
func probeHistory(ctx context.Context, c client.Client) error {
	_, err := c.DescribeWorkflowExecution(ctx, absent, "")
	if notFound := (*serviceerror.NotFound)(nil); errors.As(err, &notFound) {
		return nil
	}
	return err
}

func probeMatching(ctx context.Context, c client.Client) error {
	_, err := c.DescribeTaskQueue(ctx, absent, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	return err
}

func probeVisibility(ctx context.Context, c client.Client) error {
	_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: "ExecutionStatus = 'Running'"})
	return err
}

// probeUI asks the UI for something that it must ask Temporal for.
func probeUI(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// A transport of its own: the default one would ask a proxy for an --ip that
	// is not loopback.
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return nil
}
