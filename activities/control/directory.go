package control

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/workflows"
)

// Directory tells gateways which deployments there are, also those without a
// replica yet: one listing every two seconds, and a question to each deployment
// that is new or has changed its phase.
type Directory struct {
	Workflows
	Tell func([]access.Deployment)
	Log  *slog.Logger

	known map[string]listed // by name
}

type listed struct {
	run, phase string
	deployment access.Deployment
}

const directoryEvery = 2 * time.Second

// Run tells until ctx ends.
func (d *Directory) Run(ctx context.Context) {
	tick := time.NewTicker(directoryEvery)
	defer tick.Stop()
	failing := false
	for {
		err := d.read(ctx)
		if (err != nil) != failing && ctx.Err() == nil {
			failing = err != nil
			d.Log.Warn("deployments for gateways", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// read lists what runs. A deployment that cannot answer now is told as it was.
func (d *Directory) read(ctx context.Context) error {
	fresh := map[string]listed{}
	request := &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowType = '" + workflows.TypeDeployment + "' AND ExecutionStatus = 'Running'", PageSize: 1000}
	for {
		page, err := d.Temporal.ListWorkflow(ctx, request)
		if err != nil {
			return err
		}
		for _, e := range page.Executions {
			name, run := e.Execution.WorkflowId, e.Execution.RunId
			var phase string
			if p := e.SearchAttributes.GetIndexedFields()[workflows.AttrPhase.GetName()]; p != nil {
				_ = converter.GetDefaultDataConverter().FromPayload(p, &phase) // another type is asked about like a new phase
			}
			l := d.known[name]
			if l.run != run || l.phase != phase {
				l = d.ask(ctx, name, listed{run: run, phase: phase, deployment: l.deployment})
			}
			fresh[name] = l
		}
		if request.NextPageToken = page.NextPageToken; len(request.NextPageToken) == 0 {
			break
		}
	}
	d.known = fresh
	all := make([]access.Deployment, 0, len(fresh))
	for _, l := range fresh {
		if l.deployment.Name != "" {
			all = append(all, l.deployment)
		}
	}
	slices.SortFunc(all, func(a, b access.Deployment) int { return strings.Compare(a.Name, b.Name) })
	d.Tell(all)
	return nil
}

func (d *Directory) ask(ctx context.Context, name string, l listed) listed {
	s, err := d.statusOf(ctx, name, l.run)
	if err != nil {
		l.run = "" // asked again the next time
		return l
	}
	l.deployment = deploymentOf(s)
	return l
}

// deploymentOf is what a gateway needs of a status.
func deploymentOf(s aim.Status) access.Deployment {
	d := access.Deployment{Name: s.Name, Model: s.Model, Serves: s.Spec.ServedName, Context: s.Spec.MaxModelLen,
		Phase: s.Phase, Reason: s.Reason, Replicas: s.Wanted}
	for _, r := range s.Replicas {
		if r.Serves != "" {
			d.Serves = r.Serves
		}
	}
	if d.Serves == "" {
		d.Serves = s.Model
	}
	return d
}
