package worker

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
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/workflows"
)

// owners asks Temporal whose a claim is: it reads workflows' descriptions and
// memos, so it needs no worker to answer.
type owners struct {
	temporal client.Client
}

// askWithin bounds one question; nothing waits for it.
const askWithin = 5 * time.Second

// Owner implements node.Owners. A claim is owned while its Deployment is
// the one it was made for, and its Replica runs and names this attempt.
func (o owners) Owner(ctx context.Context, id aim.Identity) (node.Ownership, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	deployment, err := o.running(ctx, workflows.DeploymentID(id.Deployment))
	if err != nil {
		return node.Ownership{}, err
	}
	if deployment == nil || deployment.GetFirstRunId() != id.UID {
		return node.Ownership{Why: "deployment " + id.Deployment + " has ended"}, nil
	}
	replica, err := o.running(ctx, workflows.ReplicaID(id.Deployment, id.Ordinal))
	if err != nil {
		return node.Ownership{}, err
	}
	if replica == nil {
		return node.Ownership{Why: "the workflow of replica " + id.ReplicaName() + " has ended"}, nil
	}
	var owner aim.Owner
	payload, ok := replica.GetMemo().GetFields()[workflows.MemoOwner]
	if !ok {
		return node.Ownership{Why: "replica " + id.ReplicaName() + " has no attempt yet"}, nil
	}
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &owner); err != nil {
		return node.Ownership{}, fmt.Errorf("read the owner of %s: %w", id.ReplicaName(), err)
	}
	if owner.UID != id.UID || owner.Token != id.Token {
		return node.Ownership{Why: fmt.Sprintf("attempt %d owns replica %s now", owner.Attempt, id.ReplicaName())}, nil
	}
	return node.Ownership{Owned: true}, nil
}

// running describes the latest run of a workflow id; nil when none is open.
func (o owners) running(ctx context.Context, workflowID string) (*workflowpb.WorkflowExecutionInfo, error) {
	d, err := o.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
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
