// Package activitytest runs activities as a worker would, and reads what a workflow
// gets of how they ended. It is for tests alone.
package activitytest

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aim-engine/aim"
)

// Registry is what activities are registered with.
type Registry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// Env is a worker for one activity.
func Env(register func(Registry)) *testsuite.TestActivityEnvironment {
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	register(env)
	return env
}

// Execute runs one activity to its end.
func Execute[Result any](env *testsuite.TestActivityEnvironment, name string, req any) (Result, error) {
	var result Result
	value, err := env.ExecuteActivity(name, req)
	if err == nil && value != nil && value.HasValue() {
		err = value.Get(&result)
	}
	return result, err
}

// Failure asserts that an activity failed for good with this class, saying all
// of these words, and returns the failure.
func Failure(t *testing.T, err error, class aim.FailureClass, words ...string) aim.Failure {
	t.Helper()
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		t.Fatalf("error %v, want one of class %s", err, class)
	}
	var f aim.Failure
	if err := app.Details(&f); err != nil {
		t.Fatalf("%v has no failure: %v", app, err)
	}
	if f.Class != class || app.Type() != string(class) || !app.NonRetryable() {
		t.Fatalf("class %s, type %s, final %v: %v; want class %s", f.Class, app.Type(), app.NonRetryable(), app, class)
	}
	says(t, app, words)
	return f
}

// Retried asserts that Temporal would try again.
func Retried(t *testing.T, err error, words ...string) {
	t.Helper()
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.NonRetryable() {
		t.Fatalf("error %v, want one that is retried", err)
	}
	says(t, app, words)
}

func says(t *testing.T, err error, words []string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err.Error(), word)
		}
	}
}
