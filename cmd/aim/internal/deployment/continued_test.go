package deployment

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
)

// renewing is a Temporal whose first answers are of a run that has just continued
// as new.
type renewing struct {
	client.Client
	old int
}

type encoded struct {
	converter.EncodedValue
	status aim.Status
}

func (e encoded) Get(into any) error { *into.(*aim.Status) = e.status; return nil }

func (r *renewing) QueryWorkflowWithOptions(_ context.Context, q *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error) {
	if r.old > 0 && q.QueryRejectCondition != enums.QUERY_REJECT_CONDITION_NONE {
		r.old--
		return &client.QueryWorkflowWithOptionsResponse{
			QueryRejected: &querypb.QueryRejected{Status: enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW}}, nil
	}
	return &client.QueryWorkflowWithOptionsResponse{QueryResult: encoded{status: aim.Status{Name: "q", Phase: aim.Ready}}}, nil
}

// TestAContinueAsNewIsNoEnd: a deployment whose workflow continues as new between
// two questions is told as it is, not as ended from outside.
func TestAContinueAsNewIsNoEnd(t *testing.T) {
	s, err := Ask(t.Context(), &renewing{old: 2}, "q")
	require.NoError(t, err)
	require.Equal(t, aim.Ready, s.Phase)
	require.Empty(t, s.Reason)
}
