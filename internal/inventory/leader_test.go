package inventory

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/aim-engine/aim"
)

// TestTheLeaderAnswers: a question to the leader reaches the process that leads;
// where none does, that is told apart from a refusal of its own.
func TestTheLeaderAnswers(t *testing.T) {
	conn := connect(t, urlOf(startServer(t, server.Options{})), "aim-cli")
	if _, led, err := AskLeader(t.Context(), conn, questionPlan, nil); led || err == nil {
		t.Errorf("nobody leads: led %v, %v", led, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- AnswerAsLeader(ctx, conn, questionPlan, func(_ context.Context, question string, payload []byte, write func([]byte) error) error {
			switch string(payload) {
			case "refuse":
				return aim.Failf(aim.ClassNoRecipe, "no recipe")
			case "lose": // leadership, before the answer
				cancel()
				return nil
			}
			return write([]byte(question + " " + string(payload)))
		})
	}()
	var answer []byte
	err := errors.New("not asked yet")
	for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); {
		answer, _, err = AskLeader(t.Context(), conn, questionPlan, []byte("it"))
	}
	if err != nil || string(answer) != "plan it" {
		t.Errorf("%q, %v", answer, err)
	}
	if _, led, err := AskLeader(t.Context(), conn, questionPlan, []byte("refuse")); !led || aim.FailureOf(err).Class != aim.ClassNoRecipe {
		t.Errorf("led %v, %v", led, err)
	}
	if _, led, err := AskLeader(t.Context(), conn, questionPlan, []byte("lose")); led || err == nil {
		t.Errorf("who answered leads no more: led %v, %v", led, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
