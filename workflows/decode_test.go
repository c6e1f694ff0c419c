package workflows

import (
	"testing"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// decode reads the arguments that a run hands to the next.
func decode(t *testing.T, next *workflow.ContinueAsNewError, into ...any) {
	t.Helper()
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, into...); err != nil {
		t.Fatal(err)
	}
}
