package client

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// Those chooses deployments by how their workflow is.
type Those string

const (
	Wanted Those = "ExecutionStatus = 'Running'"
	Kept   Those = "ExecutionStatus IS NOT NULL" // all that Temporal still keeps
)

// WantedOrFailedSince are the wanted ones and those that have failed after a moment.
func WantedOrFailedSince(t time.Time) Those {
	return Those(fmt.Sprintf("(%s OR (ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut') AND CloseTime > '%s'))", Wanted, t.UTC().Format(time.RFC3339)))
}

// Row is a deployment as Temporal's list has it. The list follows within moments,
// and may be behind where Temporal is busy. It has no steps, tries, spec and
// endpoints, and the reason is that of the moment when the phase began.
type Row struct {
	aim.Status
	// Settled: there is nothing to ask for. It is ready, and so are all its replicas.
	Settled bool
}

// pageSize is the most that a Temporal gives at a time by default.
const pageSize = 1000

// List names the deployments that are wanted, in order.
func (c *Client) List(ctx context.Context) ([]string, error) { return c.Names(ctx, Wanted) }

// Names names deployments, in order.
func (c *Client) Names(ctx context.Context, those Those) ([]string, error) {
	var names []string
	err := c.each(ctx, deploymentsThat(those), func(e *workflowpb.WorkflowExecutionInfo) {
		names = append(names, e.Execution.GetWorkflowId())
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// Rows lists deployments with their replicas, by name. It asks nobody but Temporal's
// list, a thousand workflows at a time.
func (c *Client) Rows(ctx context.Context, those Those) ([]Row, error) {
	newest := map[string]*workflowpb.WorkflowExecutionInfo{}
	replicas := map[string][]aim.ReplicaStatus{}
	query := fmt.Sprintf("(%s) OR (WorkflowType = '%s' AND %s)", deploymentsThat(those), workflows.TypeReplica, Wanted)
	err := c.each(ctx, query, func(e *workflowpb.WorkflowExecutionInfo) {
		id := e.Execution.GetWorkflowId()
		if e.Type.GetName() == workflows.TypeReplica {
			if deployment, ordinal, ok := workflows.ReplicaOf(id); ok {
				replicas[deployment] = append(replicas[deployment], replicaRow(ordinal, e))
			}
			return
		}
		if old := newest[id]; old == nil || old.GetStartTime().AsTime().Before(e.GetStartTime().AsTime()) {
			newest[id] = e
		}
	})
	if err != nil {
		return nil, err
	}
	var rows []Row
	for name, e := range newest {
		rows = append(rows, rowOf(e, replicas[name]))
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Name, b.Name) })
	return rows, nil
}

func deploymentsThat(those Those) string {
	return fmt.Sprintf("WorkflowType = '%s' AND %s", workflows.TypeDeployment, those)
}

func (c *Client) each(ctx context.Context, query string, do func(*workflowpb.WorkflowExecutionInfo)) error {
	for page := []byte(nil); ; {
		answer, err := c.t.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: pageSize, NextPageToken: page})
		if err != nil {
			return fmt.Errorf("list deployments: %w", err)
		}
		for _, e := range answer.Executions {
			do(e)
		}
		if page = answer.NextPageToken; len(page) == 0 {
			return nil
		}
	}
}

func rowOf(e *workflowpb.WorkflowExecutionInfo, replicas []aim.ReplicaStatus) Row {
	var sum workflows.Summary
	decode(e.GetMemo().GetFields()[workflows.MemoSummary], &sum)
	r := Row{Status: aim.Status{Name: e.Execution.GetWorkflowId(), UID: sum.UID, Model: sum.Model, Phase: sum.Phase, Since: sum.Since,
		Reason: sum.Reason, Wanted: sum.Wanted, Revision: sum.Revision, Replicas: []aim.ReplicaStatus{}}}
	if r.Model == "" { // it began before there were summaries
		decode(e.GetSearchAttributes().GetIndexedFields()[workflows.AttrModel.GetName()], &r.Model)
		decode(e.GetSearchAttributes().GetIndexedFields()[workflows.AttrPhase.GetName()], &r.Phase)
	}
	if e.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		if ended := e.GetStatus(); ended != enums.WORKFLOW_EXECUTION_STATUS_COMPLETED && ended != enums.WORKFLOW_EXECUTION_STATUS_FAILED {
			r.Status = cutShort(r.Status, ended)
		}
		return r
	}
	r.Replicas = append(r.Replicas, replicas...)
	slices.SortFunc(r.Replicas, func(a, b aim.ReplicaStatus) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	unready := func(s aim.ReplicaStatus) bool { return s.Phase != aim.Ready }
	r.Settled = r.UID != "" && r.Phase == aim.Ready && len(r.Replicas) == r.Wanted && !slices.ContainsFunc(r.Replicas, unready)
	return r
}

func replicaRow(ordinal int, e *workflowpb.WorkflowExecutionInfo) aim.ReplicaStatus {
	attributes := e.GetSearchAttributes().GetIndexedFields()
	r := aim.ReplicaStatus{Ordinal: ordinal, Tries: []aim.Try{}}
	decode(attributes[workflows.AttrPhase.GetName()], &r.Phase)
	decode(attributes[workflows.AttrNode.GetName()], &r.Node)
	decode(attributes[workflows.AttrRecipe.GetName()], &r.Recipe)
	decode(attributes[workflows.AttrGPUs.GetName()], &r.GPUs)
	return r
}

// decode leaves what is missing, or of another type, as it is: the row is then not
// settled.
func decode(p *common.Payload, into any) {
	if p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, into)
	}
}
