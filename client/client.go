package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	sdk "go.temporal.io/sdk/client"

	"github.com/aim-engine/aim/workflows"
)

// Client asks deployments of one Temporal namespace. It is safe for concurrent use.
type Client struct {
	t sdk.Client
	// Slow hears, if it is set, that a change has not been answered for a while, and
	// what it waits for; more than once.
	Slow func(why string)
}

// New makes a Client over a connection to Temporal, which stays the caller's.
func New(t sdk.Client) *Client { return &Client{t: t} }

var (
	// ErrNotFound: there is no deployment of that name, and none is remembered.
	ErrNotFound = errors.New("there is no such deployment")
	// ErrUnanswered: the context has ended before anybody answered. What was asked
	// for may have happened, or may still happen.
	ErrUnanswered = errors.New("nobody has answered yet")
)

const (
	// answerWithin is how long one try of a change may take: a control process that
	// lives answers in milliseconds, one that restarts within some seconds.
	answerWithin = 10 * time.Second
	// betweenTries keeps tries apart where the server refuses at once.
	betweenTries = 500 * time.Millisecond
)

// persist does something until it succeeds, is refused for good, or ctx ends. It has to
// be something that happens once however often it is done.
func persist[R any](ctx context.Context, c *Client, what string, do func(context.Context) (R, error)) (R, error) {
	for {
		try, cancel := context.WithTimeout(ctx, answerWithin)
		result, err := do(try)
		cancel()
		var notFound *serviceerror.NotFound
		switch {
		case err == nil:
			return result, nil
		case workflows.CarriedFailure(err) != nil:
			return result, workflows.CarriedFailure(err)
		case errors.As(err, &notFound):
			return result, fmt.Errorf("%s: %w", what, ErrNotFound)
		case ctx.Err() != nil:
			return result, fmt.Errorf("%s: %w (%w)", what, ErrUnanswered, context.Cause(ctx))
		case !passing(err):
			return result, fmt.Errorf("%s: %w", what, err)
		}
		if c.Slow != nil {
			c.Slow(slowness(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(betweenTries):
		}
	}
}

// passing tells whether an error may be gone with the next try: the server or what is
// behind it does not answer, or is busy.
func passing(err error) bool {
	var unavailable *serviceerror.Unavailable
	var exhausted *serviceerror.ResourceExhausted
	var late *serviceerror.DeadlineExceeded
	var updateLate *sdk.WorkflowUpdateServiceTimeoutOrCanceledError
	return errors.As(err, &unavailable) || errors.As(err, &exhausted) || errors.As(err, &late) ||
		errors.As(err, &updateLate) || errors.Is(err, context.DeadlineExceeded)
}

func slowness(err error) string {
	var exhausted *serviceerror.ResourceExhausted
	var unavailable *serviceerror.Unavailable
	switch {
	case errors.As(err, &exhausted):
		return "Temporal is busy: " + exhausted.Message
	case errors.As(err, &unavailable):
		return "Temporal does not answer: " + unavailable.Message
	}
	return "no control process has answered"
}
