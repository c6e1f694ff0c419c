package ownership

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// Temporal answers whose a claim is from workflows' descriptions and memos, so that
// no worker is needed to answer.
type Temporal struct {
	Client client.Client
}

// askWithin bounds one question; nothing waits for it.
const askWithin = 5 * time.Second

// Owner tells whose the claim of this identity is. An error means that nobody could
// be asked.
func (o Temporal) Owner(ctx context.Context, id aim.Identity) (aim.Ownership, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	deployment, err := o.running(ctx, workflows.DeploymentID(id.Deployment))
	if err != nil {
		return aim.Ownership{}, err
	}
	if deployment == nil || deployment.GetFirstRunId() != id.UID {
		return aim.Ownership{Why: "deployment " + id.Deployment + " has ended"}, nil
	}
	replica, err := o.running(ctx, workflows.ReplicaID(id.Deployment, id.Ordinal))
	if err != nil {
		return aim.Ownership{}, err
	}
	if replica == nil {
		return aim.Ownership{Why: "the workflow of replica " + id.ReplicaName() + " has ended"}, nil
	}
	var owner aim.Owner
	payload, ok := replica.GetMemo().GetFields()[workflows.MemoOwner]
	if !ok {
		return aim.Ownership{Why: "replica " + id.ReplicaName() + " has no attempt yet"}, nil
	}
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &owner); err != nil {
		return aim.Ownership{}, fmt.Errorf("read the owner of %s: %w", id.ReplicaName(), err)
	}
	if owner.UID != id.UID || owner.Token != id.Token {
		return aim.Ownership{Why: fmt.Sprintf("attempt %d owns replica %s now", owner.Attempt, id.ReplicaName())}, nil
	}
	return aim.Ownership{Owned: true}, nil
}

// running describes the latest run of a workflow id; nil when none is open.
func (o Temporal) running(ctx context.Context, workflowID string) (*workflowpb.WorkflowExecutionInfo, error) {
	d, err := o.Client.DescribeWorkflowExecution(ctx, workflowID, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask Temporal about %s: %w", workflowID, err)
	}
	info := d.GetWorkflowExecutionInfo()
	if info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil, nil
	}
	return info, nil
}
