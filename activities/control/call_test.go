package control

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aim-engine/aim"
)

// activityEnv is a worker for one activity.
func activityEnv(register func(*testsuite.TestActivityEnvironment)) *testsuite.TestActivityEnvironment {
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	register(env)
	return env
}

func execute[Result any](env *testsuite.TestActivityEnvironment, name string, req any) (Result, error) {
	var result Result
	value, err := env.ExecuteActivity(name, req)
	if err == nil && value != nil && value.HasValue() {
		err = value.Get(&result)
	}
	return result, err
}

// failure asserts that an activity failed for good with this class, saying all
// of these words, and returns the failure.
func failure(t *testing.T, err error, class aim.FailureClass, words ...string) aim.Failure {
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
	for _, word := range words {
		if !strings.Contains(app.Error(), word) {
			t.Errorf("%q does not say %q", app.Error(), word)
		}
	}
	return f
}

// retried asserts that Temporal would try again.
func retried(t *testing.T, err error, words ...string) {
	t.Helper()
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.NonRetryable() {
		t.Fatalf("error %v, want one that is retried", err)
	}
	for _, word := range words {
		if !strings.Contains(app.Error(), word) {
			t.Errorf("%q does not say %q", app.Error(), word)
		}
	}
}

// within bounds every wait for something that must happen.
const within = 30 * time.Second

// identity names the first attempt of the first replica of a deployment.
func identity(deployment string) aim.Identity {
	return aim.Identity{Deployment: deployment, UID: "uid-of-" + deployment, Attempt: 1, Token: "token-of-" + deployment}
}
