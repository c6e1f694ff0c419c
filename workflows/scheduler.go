package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim/activities"
)

// Scheduler is the singleton workflow (id SchedulerID) that elects the leading
// control process: whoever runs its Lead activity keeps the waiting order. When
// that process ends, another takes the activity up.
func Scheduler(ctx workflow.Context) error {
	for !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		err := workflow.ExecuteActivity(on(ctx, activities.Lead, "", "keeps the waiting order"), activities.Lead).Get(ctx, nil)
		if ctx.Err() != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, TypeScheduler)
}

// Register adds the workflows to a worker.
func Register(r interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}) {
	r.RegisterWorkflowWithOptions(Deployment, workflow.RegisterOptions{Name: TypeDeployment})
	r.RegisterWorkflowWithOptions(Replica, workflow.RegisterOptions{Name: TypeReplica})
	r.RegisterWorkflowWithOptions(Scheduler, workflow.RegisterOptions{Name: TypeScheduler})
	r.RegisterWorkflowWithOptions(Drain, workflow.RegisterOptions{Name: TypeDrain})
	r.RegisterWorkflowWithOptions(Fetch, workflow.RegisterOptions{Name: TypeFetch})
}
