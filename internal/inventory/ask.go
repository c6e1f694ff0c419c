package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// errNobody: the subject has no listener.
var errNobody = errors.New("nobody answers on NATS")

// Ask asks a node a question and returns its answer as it comes in. The reader
// must be closed; it fails with the node's own *aim.Failure where it sent one,
// with class node_lost where the node does not answer or stops answering, and
// when ctx ends.
func Ask(ctx context.Context, conn *Conn, node, question string, payload []byte) (io.ReadCloser, error) {
	r, err := ask(ctx, conn, askSubject(node, question), payload)
	if err != nil {
		return nil, aim.Failf(aim.ClassNodeLost, "ask %s for %s: %v", node, question, err).
			WithHint("aim node show %s tells when it was last heard", node)
	}
	r.who = node
	return r, nil
}

// ask sends the question and waits for the empty piece that says that somebody
// is on it.
func ask(ctx context.Context, conn *Conn, subject string, payload []byte) (*reader, error) {
	inbox := conn.nc.NewInbox()
	sub, err := conn.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	r := &reader{ctx: ctx, nc: conn.nc, sub: sub, who: "the answerer", gone: goneAfter}
	if err := conn.nc.PublishRequest(subject, inbox, payload); err != nil {
		r.Close()
		return nil, err
	}
	if err := r.receive(); err != nil && err != io.EOF {
		r.Close()
		return nil, err
	}
	return r, nil
}

// reader is the asker's end of one answer.
type reader struct {
	ctx  context.Context
	nc   *nats.Conn
	sub  *nats.Subscription
	who  string
	gone time.Duration // without a piece, after which the answerer is given up
	ack  string        // where signs of reading go
	next int           // piece expected
	rest []byte        // of the piece in hand
	err  error         // how the answer ended; sticky
}

// Read returns the answer's bytes in order, io.EOF at its end.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.err = r.receive()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close tells the answerer to stop, wherever it is.
func (r *reader) Close() error {
	if r.ack != "" && r.err != io.EOF {
		_ = r.nc.Publish(r.ack, []byte(stopWord)) // it would notice without
	}
	return r.sub.Unsubscribe()
}

// receive takes the next piece and says that it has been read: io.EOF at the
// end, the answerer's failure, or what is wrong with the stream.
func (r *reader) receive() error {
	wait, cancel := context.WithTimeout(r.ctx, r.gone)
	defer cancel()
	m, err := r.sub.NextMsgWithContext(wait)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return errNobody
	case errors.Is(err, context.DeadlineExceeded) && r.ctx.Err() == nil:
		return aim.Failf(aim.ClassNodeLost, "%s stopped answering", r.who)
	case err != nil:
		return err
	}
	number, err := strconv.Atoi(m.Header.Get(headerPiece))
	if err != nil || number != r.next {
		return fmt.Errorf("the answer of %s has a gap at piece %d; ask again", r.who, r.next)
	}
	r.next++
	r.ack, r.rest = m.Reply, m.Data
	if m.Header.Get(headerEnd) != "" {
		return ending(m.Header.Get(headerFailure))
	}
	return r.nc.Publish(r.ack, []byte(strconv.Itoa(number)))
}

// ending reads the failure of a final piece; without one the answer is whole.
func ending(failure string) error {
	if failure == "" {
		return io.EOF
	}
	var f aim.Failure
	if err := json.Unmarshal([]byte(failure), &f); err != nil || f.Class == "" {
		return aim.Failf(aim.ClassInternal, "the answer failed, and its reason cannot be read: %q", failure)
	}
	return &f
}

// Asker asks one kind of question over a connection: Ask, with these two given.
func Asker(conn *Conn, question string) func(ctx context.Context, node string, payload []byte) (io.ReadCloser, error) {
	return func(ctx context.Context, node string, payload []byte) (io.ReadCloser, error) {
		return Ask(ctx, conn, node, question, payload)
	}
}
