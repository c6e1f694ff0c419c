package activities

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
)

// Carry makes the error that Temporal carries to the workflow. A failure with a
// class is final for this activity; anything else is retried by its policy.
func Carry(err error) error {
	if err == nil {
		return nil
	}
	var f *aim.Failure
	if !errors.As(err, &f) {
		return err
	}
	options := temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{*f}}
	if f.Class == aim.ClassRefused || f.Class == aim.ClassCancelled || f.Class == aim.ClassCapacity {
		options.Category = temporal.ApplicationErrorCategoryBenign // an answer, not an alarm
	}
	return temporal.NewApplicationErrorWithOptions(f.Text(), string(f.Class), options)
}
