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
	f = bounded(*f)
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

// bounded is the failure as a history may hold it: servers print lines of any
// length.
func bounded(f aim.Failure) *aim.Failure {
	f.Why, f.Hint, f.Fingerprint = Clip(f.Why, MaxText), Clip(f.Hint, MaxText), Clip(f.Fingerprint, MaxText)
	lines := f.LogLines[:min(len(f.LogLines), maxLogLines)]
	f.LogLines = nil
	for _, line := range lines {
		f.LogLines = append(f.LogLines, Clip(line, MaxNote))
	}
	return &f
}
