package temporal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestANodeIsDeafWhileItsPollsAreRefused(t *testing.T) {
	now := time.Unix(0, 0)
	h := WatchPolls(func() time.Time { return now })
	poll := func(takes time.Duration, err error) {
		_ = h.Intercept(context.Background(), "/temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue", nil, nil, nil,
			func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
				now = now.Add(takes)
				return err
			})
	}
	limit := status.Error(codes.ResourceExhausted, "namespace concurrent poller limit exceeded")
	if why := h.Refused(); why != "" {
		t.Fatalf("before the first poll: %q", why)
	}
	poll(time.Minute, nil)
	if why := h.Refused(); why != "" {
		t.Fatalf("after a poll that was let in: %q", why)
	}
	poll(time.Millisecond, limit)
	if why := h.Refused(); !strings.Contains(why, "poller limit") || !strings.Contains(why, "frontend.namespaceCount") {
		t.Fatalf("after a refusal: %q", why)
	}
	poll(time.Millisecond, errors.New("connection refused")) // says nothing about the limit
	if h.Refused() == "" {
		t.Fatal("a lost connection counts as heard")
	}
	open := h.begin() // let in, and still open
	now = now.Add(openFor / 2)
	if h.Refused() == "" {
		t.Fatal("heard before it is known")
	}
	now = now.Add(openFor)
	if why := h.Refused(); why != "" {
		t.Fatalf("while a poll is open: %q", why)
	}
	poll(time.Millisecond, limit) // another one is refused; the open one still hears
	if why := h.Refused(); why != "" {
		t.Fatalf("while one of two is open: %q", why)
	}
	h.end(open, nil)
	poll(time.Millisecond, limit)
	if h.Refused() == "" {
		t.Fatal("the last poll was refused")
	}
}
