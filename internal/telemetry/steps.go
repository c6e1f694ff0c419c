package telemetry

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim/activities"
)

// stepBuckets reach from an answer in memory to a model that loads for hours,
// in seconds.
var stepBuckets = []float64{.005, .02, .1, .5, 2, 10, 60, 300, 1800, 7200}

// Interceptor times every activity.
func (p *Process) Interceptor() interceptor.WorkerInterceptor { return &timing{process: p} }

type timing struct {
	interceptor.WorkerInterceptorBase
	process *Process
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (t *timing) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &timedActivity{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, process: t.process}
}

type timedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	process *Process
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (t *timedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	started := time.Now()
	out, err := t.Next.ExecuteActivity(ctx, in)
	t.process.steps.WithLabelValues(stepName(ctx), classOf(err)).Observe(time.Since(started).Seconds())
	if answer, ok := out.(activities.PlaceResult); ok && err == nil {
		// From when the workflow asked, by the server's clock, which may be ahead of ours.
		waited := max(time.Since(activity.GetInfo(ctx).ScheduledTime), 0)
		t.process.places.WithLabelValues(string(answer.Outcome)).Observe(waited.Seconds())
	}
	return out, err
}

func classOf(err error) string {
	if err == nil {
		return ""
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return app.Type()
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled"
	}
	return "internal"
}

// stepName is the activity's type.
func stepName(ctx context.Context) string { return activity.GetInfo(ctx).ActivityType.Name }
