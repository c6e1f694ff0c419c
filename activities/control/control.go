package control

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
	"github.com/aim-engine/aim/recipes"
)

// Catalogue turns a spec into a ladder of recipes.
type Catalogue interface {
	Ladder(spec aim.DeploymentSpec, fleet aim.Fleet) (aim.Ladder, error)
	// Knows tells whether Ladder can answer for the model by itself.
	Knows(model string) bool
	// LadderFrom is Ladder for a model that describes itself.
	LadderFrom(spec aim.DeploymentSpec, fleet aim.Fleet, d recipes.Description) (aim.Ladder, error)
}

// Versions asks Deployments what their replicas are to run. A Deployment that is
// not there any more is a Failure of class orphaned.
type Versions interface {
	Version(ctx context.Context, req activities.VersionRequest) (activities.VersionResult, error)
}

// Control carries out the activities that run beside the scheduler.
type Control struct {
	Catalogue Catalogue
	Describe  Describe // nil = models without a recipe are refused
	Versions  Versions
	Placer    *Placer
	// Deployments are asked how they are, and to move replicas, where a node is emptied.
	Deployments Deployments
	// Leading serves the waiting order until ctx ends. One control process at a
	// time is asked to.
	Leading func(ctx context.Context) error
}

// Register adds the short activities to a worker on ControlQueue.
func (c *Control) Register(r interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}) {
	for name, fn := range map[string]any{activities.SelectRecipes: c.SelectRecipes, activities.ReadVersion: c.ReadVersion, activities.Lead: c.Lead,
		activities.ViewNode: c.ViewNode, activities.MoveReplica: c.MoveReplica} {
		r.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

// RegisterPlacing adds Place and AwaitTurn to a worker on PlaceQueue: only the
// leader knows who waits and what has been promised.
func (c *Control) RegisterPlacing(r interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}) {
	r.RegisterActivityWithOptions(c.Place, activity.RegisterOptions{Name: activities.Place})
	r.RegisterActivityWithOptions(c.AwaitTurn, activity.RegisterOptions{Name: activities.AwaitTurn})
}

// SelectRecipes checks the spec and chooses its ladder, over the catalogue and
// the fleet as it is now. A model that no recipe runs is asked about on its nodes.
func (c *Control) SelectRecipes(ctx context.Context, req activities.SelectRequest) (activities.SelectResult, error) {
	if err := req.Spec.Validate(); err != nil {
		return activities.SelectResult{}, activities.Carry(err)
	}
	ladder, err := Ladder(ctx, c.Catalogue, c.Describe, req.Spec, c.Placer.Fleet())
	return activities.SelectResult{Ladder: ladder}, activities.Carry(err)
}

// ReadVersion tells a replica what it is to run. A large deployment would write it
// into its own history once for each of them.
func (c *Control) ReadVersion(ctx context.Context, req activities.VersionRequest) (activities.VersionResult, error) {
	v, err := c.Versions.Version(ctx, req)
	if err == nil && (v.UID != req.UID || len(v.Ladder.Rungs) == 0) {
		err = aim.Failf(aim.ClassOrphaned, "deployment %s is another one now, or does not know version %d", req.Name, req.Version)
	}
	return v, activities.Carry(err)
}

// Place answers at once: here, wait, or never.
func (c *Control) Place(_ context.Context, req activities.PlaceRequest) (activities.PlaceResult, error) {
	return activities.PlaceResult{Decision: c.Placer.Place(req.PlacementRequest)}, nil
}

// AwaitTurn answers when it is the request's turn. Its heartbeat tells why it
// still waits. A process that stops gives the request back: the next one that
// leads takes it up.
func (c *Control) AwaitTurn(ctx context.Context, req activities.PlaceRequest) (activities.PlaceResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, cancel := untilWorkerStops(ctx)
	defer cancel()
	d, err := c.Placer.Await(ctx, req, func(why string) { beat.Report(aim.Progress{Step: activities.StepWait, Note: why}) })
	return activities.PlaceResult{Decision: d}, err
}

// Lead makes this process the leader for as long as the activity lasts.
func (c *Control) Lead(ctx context.Context) error {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, cancel := untilWorkerStops(ctx)
	defer cancel()
	return c.Leading(ctx)
}

// untilWorkerStops is the activity's context, ended as soon as its worker stops
// and not only when the worker's patience is over.
func untilWorkerStops(ctx context.Context) (context.Context, context.CancelFunc) {
	stopping := activity.GetWorkerStopChannel(ctx)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
