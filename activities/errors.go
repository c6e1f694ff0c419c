package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
)

// Carry makes the error that Temporal carries to the workflow. A failure with a
// class is final for this activity, unless it says when to ask again; anything
// else is retried by its policy.
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
	if f.RetryAfterSeconds > 0 {
		options.NonRetryable, options.NextRetryDelay = false, time.Duration(f.RetryAfterSeconds)*time.Second
		options.Category = temporal.ApplicationErrorCategoryBenign
	}
	return temporal.NewApplicationErrorWithOptions(f.Text(), string(f.Class), options)
}
