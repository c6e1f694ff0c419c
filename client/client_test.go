package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/api/serviceerror"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
)

// fake is a Temporal that answers as a test wants. What is not set is not asked for.
type fake struct {
	sdk.Client
	query  func(*sdk.QueryWorkflowWithOptionsRequest) (*sdk.QueryWorkflowWithOptionsResponse, error)
	update func(sdk.UpdateWorkflowOptions) (sdk.WorkflowUpdateHandle, error)
}

func (f *fake) QueryWorkflowWithOptions(_ context.Context, q *sdk.QueryWorkflowWithOptionsRequest) (*sdk.QueryWorkflowWithOptionsResponse, error) {
	return f.query(q)
}

func (f *fake) UpdateWorkflow(_ context.Context, o sdk.UpdateWorkflowOptions) (sdk.WorkflowUpdateHandle, error) {
	return f.update(o)
}

type encoded struct {
	converter.EncodedValue
	status aim.Status
}

func (e encoded) Get(into any) error { *into.(*aim.Status) = e.status; return nil }

type handle struct {
	sdk.WorkflowUpdateHandle
	applied Applied
	err     error
}

func (h handle) Get(_ context.Context, into any) error { *into.(*Applied) = h.applied; return h.err }

// TestAContinueAsNewIsNoEnd: a deployment whose workflow continues as new between two
// questions is told as it is, not as ended from outside.
func TestAContinueAsNewIsNoEnd(t *testing.T) {
	old := 2
	f := &fake{query: func(q *sdk.QueryWorkflowWithOptionsRequest) (*sdk.QueryWorkflowWithOptionsResponse, error) {
		if old > 0 && q.QueryRejectCondition != enums.QUERY_REJECT_CONDITION_NONE {
			old--
			return &sdk.QueryWorkflowWithOptionsResponse{QueryRejected: &querypb.QueryRejected{Status: enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW}}, nil
		}
		return &sdk.QueryWorkflowWithOptionsResponse{QueryResult: encoded{status: aim.Status{Name: "q", Phase: aim.Ready}}}, nil
	}}
	s, err := New(f).Status(t.Context(), "q")
	require.NoError(t, err)
	require.Equal(t, aim.Ready, s.Phase)
	require.Empty(t, s.Reason)
}

// What a workflow said last is not true any more once it was ended from outside.
func TestCutShort(t *testing.T) {
	s := cutShort(aim.Status{Phase: aim.Ready, Replicas: []aim.ReplicaStatus{
		{Phase: aim.Ready, Endpoint: "http://n1:1"}, {Phase: aim.Stopped},
	}}, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED)
	require.Equal(t, aim.Failed, s.Phase)
	require.Contains(t, s.Reason, "Terminated")
	require.Equal(t, aim.Stopping, s.Replicas[0].Phase)
	require.Empty(t, s.Replicas[0].Endpoint)
	require.Equal(t, aim.Stopped, s.Replicas[1].Phase)

	failed := aim.Status{Phase: aim.Failed, Reason: "out of memory"}
	require.Equal(t, failed, cutShort(failed, enums.WORKFLOW_EXECUTION_STATUS_FAILED), "it told its end itself")
}

// TestAChangeIsCarriedOn: it is sent again as the same change until somebody answers,
// and what it waits for is told.
func TestAChangeIsCarriedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids, told := map[string]int{}, ""
		f := &fake{update: func(o sdk.UpdateWorkflowOptions) (sdk.WorkflowUpdateHandle, error) {
			ids[o.UpdateID]++
			switch n := ids[o.UpdateID]; {
			case n < 3:
				return nil, serviceerror.NewUnavailable("the frontend is restarting")
			case n < 5:
				return nil, &serviceerror.ResourceExhausted{Message: "too many requests"}
			case n < 7:
				return handle{err: context.DeadlineExceeded}, nil
			}
			return handle{applied: Applied{Name: "q", Revision: 2}}, nil
		}}
		c := New(f)
		c.Slow = func(why string) { told += why + "\n" }
		applied, err := c.Scale(t.Context(), "q", 2)
		require.NoError(t, err)
		require.Equal(t, 2, applied.Revision)
		require.Len(t, ids, 1, "each try has to be the same update")
		for _, why := range []string{"the frontend is restarting", "too many requests", "no control process"} {
			require.Contains(t, told, why)
		}
		require.Equal(t, 6, strings.Count(told, "\n"), "told once for each try without an answer")
	})
}

// What will not pass ends it at once; so does the end of the context, which is no
// failure of the change.
func TestAChangeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := func(err error) *Client {
			return New(&fake{update: func(sdk.UpdateWorkflowOptions) (sdk.WorkflowUpdateHandle, error) { return nil, err }})
		}
		_, err := answer(serviceerror.NewNotFound("no such workflow")).Scale(t.Context(), "q", 2)
		require.ErrorIs(t, err, ErrNotFound)
		_, err = answer(errors.New("who are you")).Scale(t.Context(), "q", 2)
		require.ErrorContains(t, err, "scale q: who are you")
		require.NotErrorIs(t, err, ErrUnanswered)

		cause := fmt.Errorf("out of patience")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, cause)
		defer cancel()
		_, err = answer(serviceerror.NewUnavailable("down")).Scale(ctx, "q", 2)
		require.ErrorIs(t, err, ErrUnanswered)
		require.ErrorIs(t, err, cause)
	})
}
