package inventory

import (
	"context"
	"errors"
	"io"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// AnswerAsLeader answers a question that only the control process that leads is
// asked, until ctx ends.
func AnswerAsLeader(ctx context.Context, conn *Conn, question string, answer Answer) error {
	answers := newAnswerer(conn.nc, nil)
	subs := subscriptions{conn: conn}
	defer answers.wait()
	defer subs.end()
	if err := subs.add(askSubject(controlID, question), "", func(m *nats.Msg) { answers.start(ctx, m, answer) }); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// AskLeader asks the control process that leads, and returns its whole answer.
// led is false where no process that leads answers; the error is then why. Else it
// is the leader's own *aim.Failure.
func AskLeader(ctx context.Context, conn *Conn, question string, payload []byte) (answer []byte, led bool, err error) {
	r, err := ask(ctx, conn, askSubject(controlID, question), payload)
	if err != nil {
		return nil, false, aim.Failf(aim.ClassNodeLost, "no control process that leads answers: %v", err).WithHint("aim doctor")
	}
	defer r.Close()
	r.who = "control"
	answer, err = io.ReadAll(r)
	var failure *aim.Failure
	if errors.As(err, &failure) && failure.Class == aim.ClassCancelled { // it was stopped, or leads no more
		return nil, false, aim.Failf(aim.ClassNodeLost, "the control process that leads stopped leading while it answered").WithHint("ask again")
	}
	return answer, true, err
}
