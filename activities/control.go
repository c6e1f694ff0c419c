package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/aim-engine/aim"
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

// Control carries out the activities that run beside the scheduler.
type Control struct {
	Catalogue Catalogue
	Models    Models // nil = models without a recipe are refused
	Placer    *Placer
	// Leading serves the waiting order until ctx ends. One control process at a
	// time is asked to.
	Leading func(ctx context.Context) error
}

// Register adds the short activities to a worker on ControlQueue.
func (c *Control) Register(r interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}) {
	for name, fn := range map[string]any{SelectRecipes: c.SelectRecipes, Lead: c.Lead} {
		r.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

// RegisterPlacing adds Place and AwaitTurn to a worker on PlaceQueue: only the
// leader knows who waits and what has been promised.
func (c *Control) RegisterPlacing(r interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}) {
	r.RegisterActivityWithOptions(c.Place, activity.RegisterOptions{Name: Place})
	r.RegisterActivityWithOptions(c.AwaitTurn, activity.RegisterOptions{Name: AwaitTurn})
}

// SelectRecipes checks the spec and chooses its ladder, over the catalogue and
// the fleet as it is now. A model that no recipe runs is asked about on its nodes.
func (c *Control) SelectRecipes(ctx context.Context, req SelectRequest) (SelectResult, error) {
	if err := req.Spec.Validate(); err != nil {
		return SelectResult{}, carry(err)
	}
	ladder, err := Ladder(ctx, c.Catalogue, c.Models, req.Spec, c.Placer.Fleet())
	return SelectResult{Ladder: ladder}, carry(err)
}

// Place answers at once: here, wait, or never.
func (c *Control) Place(_ context.Context, req PlaceRequest) (PlaceResult, error) {
	return PlaceResult{Decision: c.Placer.Place(req.Request)}, nil
}

// StepWait is the step that the heartbeats of AwaitTurn name.
const StepWait = "wait"

// AwaitTurn answers when it is the request's turn. Its heartbeat tells why it
// still waits. A process that stops gives the request back: the next one that
// leads takes it up.
func (c *Control) AwaitTurn(ctx context.Context, req PlaceRequest) (PlaceResult, error) {
	p := newPulse(ctx)
	defer p.stop()
	ctx, cancel := untilWorkerStops(ctx)
	defer cancel()
	d, err := c.Placer.Await(ctx, req, func(why string) { p.report(aim.Progress{Step: StepWait, Note: why}) })
	return PlaceResult{Decision: d}, err
}

// Lead makes this process the leader for as long as the activity lasts.
func (c *Control) Lead(ctx context.Context) error {
	p := newPulse(ctx)
	defer p.stop()
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
