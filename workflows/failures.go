package workflows

import (
	"errors"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
)

// failureOf reads the class of an activity's error. nil stays nil.
func failureOf(err error, node string) *aim.Failure {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return failureOfApplication(app)
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return failureOfTimeout(timeout, node)
	}
	if temporal.IsCanceledError(err) {
		return aim.Failf(aim.ClassCancelled, "stopped on request")
	}
	return aim.Failf(aim.ClassInternal, "%v", err)
}

func failureOfApplication(app *temporal.ApplicationError) *aim.Failure {
	if f := CarriedFailure(app); f != nil {
		return f
	}
	return aim.Failf(aim.ClassInternal, "%s", app.Message())
}

// CarriedFailure is the Failure that a workflow, an update or an activity has
// ended with, nil where the error carries none.
func CarriedFailure(err error) *aim.Failure {
	var app *temporal.ApplicationError
	var f aim.Failure
	if errors.As(err, &app) && app.HasDetails() && app.Details(&f) == nil && f.Class != "" {
		return &f
	}
	return nil
}

// failureOfTimeout: a step that no agent takes up, or whose agent went silent
// in the middle, tells of the node; a step that ran out of its time does not.
func failureOfTimeout(t *temporal.TimeoutError, node string) *aim.Failure {
	switch t.TimeoutType() {
	case enums.TIMEOUT_TYPE_SCHEDULE_TO_START, enums.TIMEOUT_TYPE_HEARTBEAT:
		return aim.Failf(aim.ClassNodeLost, "node %s does not answer", node)
	}
	return aim.Failf(aim.ClassTimeout, "the step took too long on node %s", node)
}

// failed makes the error with which a workflow closes.
func failed(f *aim.Failure) error {
	return temporal.NewApplicationErrorWithOptions(f.Text(), string(f.Class),
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*f}})
}

// asError is errors.As with its type argument spelled once.
func asError[T error](err error, target *T) bool { return errors.As(err, target) }
