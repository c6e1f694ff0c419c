package activities

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
)

// A class is final: the workflow decides what it leads to.
func TestCarryMakesClassedFailuresFinal(t *testing.T) {
	for _, class := range aim.Classes() {
		f := aim.Failure{Class: class, Why: "why", Hint: "do this", NeededBytes: 7, LogLines: []string{"a line"}}
		var app *temporal.ApplicationError
		if err := Carry(fmt.Errorf("while starting: %w", &f)); !errors.As(err, &app) {
			t.Fatalf("%s: %v", class, err)
		}
		if !app.NonRetryable() || app.Type() != string(class) || app.Message() != f.Text() {
			t.Errorf("%s: final %v, type %q, message %q", class, app.NonRetryable(), app.Type(), app.Message())
		}
		var got aim.Failure
		if err := app.Details(&got); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%s: details %+v, %v; want %+v", class, got, err, f)
		}
		// Answers do not alarm whoever watches error rates.
		answer := class == aim.ClassRefused || class == aim.ClassCancelled || class == aim.ClassCapacity
		if benign := app.Category() == temporal.ApplicationErrorCategoryBenign; benign != answer {
			t.Errorf("%s: benign %v", class, benign)
		}
	}
}

func TestCarryLeavesAccidentsToRetries(t *testing.T) {
	if err := Carry(nil); err != nil {
		t.Error(err)
	}
	accident := errors.New("connection reset")
	if err := Carry(accident); err != accident {
		t.Errorf("%v became %v", accident, err)
	}
}
