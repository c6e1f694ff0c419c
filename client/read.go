package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	sdk "go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// Status asks a deployment how it is. It answers for ended ones too, as long as
// Temporal keeps them.
func (c *Client) Status(ctx context.Context, name string) (s aim.Status, err error) {
	if !aim.IsLabel(name) {
		return s, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	const cleanly = enums.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY
	closed, err := c.query(ctx, name, cleanly, &s)
	for err == nil && continued(closed) {
		closed, err = c.query(ctx, name, cleanly, &s)
	}
	if err == nil && closed != nil {
		if _, err = c.query(ctx, name, enums.QUERY_REJECT_CONDITION_NONE, &s); err == nil {
			s = cutShort(s, *closed)
		}
	}
	var notFound *serviceerror.NotFound
	var queryFailed *serviceerror.QueryFailed
	switch {
	case errors.As(err, &notFound), errors.As(err, &queryFailed): // not there, or another workflow
		return s, fmt.Errorf("%s: %w", name, ErrNotFound)
	case err == nil && s.Name == "":
		return s, fmt.Errorf("status of %s: the answer has no name", name)
	}
	return s, err
}

// query asks once. closed is how the workflow ended when it did in a way that the
// condition rejects; then s is left alone.
func (c *Client) query(ctx context.Context, name string, reject enums.QueryRejectCondition, s *aim.Status) (closed *enums.WorkflowExecutionStatus, err error) {
	answer, err := c.t.QueryWorkflowWithOptions(ctx, &sdk.QueryWorkflowWithOptionsRequest{
		WorkflowID: workflows.DeploymentID(name), QueryType: workflows.QueryStatus, QueryRejectCondition: reject,
	})
	switch {
	case err != nil:
		return nil, err
	case answer.QueryRejected != nil:
		status := answer.QueryRejected.GetStatus()
		return &status, nil
	}
	return nil, answer.QueryResult.Get(s)
}

// continued tells whether the run that was asked has just continued as new: the
// deployment goes on in the next run, which is to be asked instead.
func continued(closed *enums.WorkflowExecutionStatus) bool {
	return closed != nil && *closed == enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW
}

// cutShort is the last status of a workflow that was ended from outside, by a
// terminate say: what it last said of itself is not true any more. Its replicas
// notice and stop by themselves.
func cutShort(s aim.Status, how enums.WorkflowExecutionStatus) aim.Status {
	if s.Phase.Final() {
		return s // it had its say
	}
	s.Since = time.Time{}
	s.Phase, s.Reason = aim.Failed, fmt.Sprintf("its workflow was ended from outside (%s); its replicas stop by themselves", how)
	for i, r := range s.Replicas {
		if !r.Phase.Final() {
			s.Replicas[i].Enter(aim.Stopping, "its deployment has ended", time.Time{})
			s.Replicas[i].Endpoint = ""
		}
	}
	return s
}

// Endpoint is where one replica answers, by OpenAI's API.
type Endpoint struct {
	Replica int    `json:"replica"`
	URL     string `json:"url"`   // without /v1
	Model   string `json:"model"` // to ask for
	Node    string `json:"node"`
}

// Endpoints lists the replicas that are ready, by number.
func (c *Client) Endpoints(ctx context.Context, name string) ([]Endpoint, error) {
	s, err := c.Status(ctx, name)
	if err != nil {
		return nil, err
	}
	var all []Endpoint
	for _, r := range s.Replicas {
		if r.Phase == aim.Ready && r.Endpoint != "" {
			all = append(all, Endpoint{Replica: r.Ordinal, URL: r.Endpoint, Model: r.Serves, Node: r.Node})
		}
	}
	slices.SortFunc(all, func(a, b Endpoint) int { return a.Replica - b.Replica })
	return all, nil
}

// watchEvery is how often Watch asks.
const watchEvery = 250 * time.Millisecond

// Watch yields the status whenever it differs from the one before, until the caller
// breaks off, the deployment has ended, or ctx does. An error is yielded as well: a
// deployment that cannot be asked now is asked again.
func (c *Client) Watch(ctx context.Context, name string) iter.Seq2[aim.Status, error] {
	return func(yield func(aim.Status, error) bool) {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		last := ""
		for {
			s, err := c.Status(ctx, name)
			if now := fmt.Sprintf("%+v %v", s, err); now != last || err != nil {
				last = now
				if !yield(s, err) || errors.Is(err, ErrNotFound) {
					return
				}
			}
			if err == nil && s.Phase.Final() {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// AwaitReady waits until a deployment is ready at its newest revision. One that has
// failed is an *aim.Failure of the class of its last attempt.
func (c *Client) AwaitReady(ctx context.Context, name string) (aim.Status, error) {
	return c.await(ctx, name, func(s aim.Status) (bool, error) {
		switch {
		case s.Phase.Final():
			return true, ended(s)
		case s.NotTaken != nil:
			return true, s.NotTaken
		}
		return s.Phase == aim.Ready, nil
	})
}

// AwaitEnd waits until a deployment has ended and holds nothing any more.
func (c *Client) AwaitEnd(ctx context.Context, name string) (aim.Status, error) {
	return c.await(ctx, name, func(s aim.Status) (bool, error) { return s.Phase.Final(), nil })
}

func (c *Client) await(ctx context.Context, name string, reached func(aim.Status) (bool, error)) (s aim.Status, err error) {
	for s, err = range c.Watch(ctx, name) {
		if errors.Is(err, ErrNotFound) {
			return s, err
		}
		if err != nil {
			continue
		}
		if over, err := reached(s); over {
			return s, err
		}
	}
	if ctx.Err() != nil {
		return s, fmt.Errorf("wait for %s, which is %s: %w", name, s.Phase, context.Cause(ctx))
	}
	return s, err
}

// ended is why a deployment is over that was to be ready.
func ended(s aim.Status) *aim.Failure {
	for _, r := range s.Replicas {
		if n := len(r.Tries); n > 0 {
			return aim.Failf(r.Tries[n-1].Class, "%s: %s", s.Name, s.Reason)
		}
	}
	return aim.Failf(aim.ClassCancelled, "%s has ended: %s", s.Name, s.Reason)
}
