package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// An answer is a row of messages to the asker's inbox, numbered from 0:
//
//	asker                          answerer
//	  | ask, reply = inbox            |
//	  |------------------------------>|
//	  |        piece 0 (empty)        |  "I am on it"
//	  |<------------------------------|
//	  |    pieces 1, 2, ... <= 64 KiB |  each with the answerer's inbox as reply
//	  |<------------------------------|
//	  |  "<n>": read up to piece n    |  at most `window` pieces are under way
//	  |------------------------------>|
//	  |    final piece: end or error  |
//	  |<------------------------------|
//
// An asker who leaves says "stop"; one who dies leaves an inbox that nobody
// listens to, which the server reports back. Empty pieces keep a quiet stream
// (a log that is followed) alive, and show each side that the other is there.
const (
	maxPiece = 64 << 10
	window   = 8 // 512 KiB under way: enough for full speed over a LAN

	headerPiece   = "Aim-Piece"   // number of the piece
	headerEnd     = "Aim-End"     // set on the final piece
	headerFailure = "Aim-Failure" // on the final piece: an aim.Failure as JSON
	stopWord      = "stop"

	quietFor   = 5 * time.Second  // an empty piece is sent after so long without one
	goneAfter  = 15 * time.Second // an asker gives up after so long without a piece
	stuckAfter = 30 * time.Second // an answerer gives up after so long without a sign of reading
)

var errAskerGone = errors.New("whoever asked has gone")

// sender is the answerer's end of one answer.
type sender struct {
	nc    *nats.Conn
	to    string // the asker's inbox
	inbox string // where the asker's signs of reading arrive
	gone  context.CancelCauseFunc

	mu    sync.Mutex // one piece at a time
	next  int
	acked int // pieces known to be read
	moved chan struct{}
}

// newSender listens for the asker's signs. ctx ends when the asker has gone;
// close must be called.
func newSender(ctx context.Context, nc *nats.Conn, to string) (*sender, context.Context, func(), error) {
	ctx, gone := context.WithCancelCause(ctx)
	s := &sender{nc: nc, to: to, inbox: nc.NewInbox(), gone: gone, moved: make(chan struct{}, 1)}
	sub, err := nc.Subscribe(s.inbox, s.sign)
	if err != nil {
		gone(err)
		return nil, nil, nil, err
	}
	closeAll := func() {
		gone(context.Canceled)
		_ = sub.Unsubscribe() // fails on a closed connection only
	}
	return s, ctx, closeAll, nil
}

// sign takes "<n>", "stop", or the server's word that nobody listens.
func (s *sender) sign(m *nats.Msg) {
	n, err := strconv.Atoi(string(m.Data))
	if err != nil || noResponders(m) {
		s.gone(errAskerGone)
		return
	}
	s.mu.Lock()
	s.acked = max(s.acked, min(n+1, s.next))
	s.mu.Unlock()
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

// write sends data in pieces and waits while the asker is behind.
func (s *sender) write(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), maxPiece)
		if err := s.piece(ctx, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// finish sends the final piece, which does not wait for room.
func (s *sender) finish(failure error) error {
	h := nats.Header{headerEnd: {"1"}}
	if failure != nil {
		text, err := json.Marshal(aim.FailureOf(failure))
		if err != nil {
			return err
		}
		h.Set(headerFailure, string(text))
	}
	_, err := s.trySend(nil, h, 2*window+1)
	return err
}

// piece sends one piece once there is room in the window.
func (s *sender) piece(ctx context.Context, data []byte) error {
	stuck := time.NewTimer(stuckAfter)
	defer stuck.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		sent, err := s.trySend(data, nil, window)
		if sent || err != nil {
			return err
		}
		select {
		case <-s.moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stuck.C:
			return errAskerGone
		}
	}
}

// trySend sends a piece unless so many are under way.
func (s *sender) trySend(data []byte, h nats.Header, limit int) (sent bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next-s.acked >= limit {
		return false, nil
	}
	m := nats.NewMsg(s.to)
	m.Reply, m.Data = s.inbox, data
	for k, v := range h {
		m.Header[k] = v
	}
	m.Header.Set(headerPiece, strconv.Itoa(s.next))
	s.next++
	return true, s.nc.PublishMsg(m)
}

// keepAlive sends an empty piece now and then until ctx ends, a few of them when
// the window is full too: what was under way to an asker who has died is reported
// by nobody, what is sent to nobody is.
func (s *sender) keepAlive(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := s.trySend(nil, nil, 2*window); err != nil {
				s.gone(err)
				return
			}
		}
	}
}

// noResponders tells whether the message is the server's word that nobody
// listens on the subject that was sent to.
func noResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && m.Header.Get("Status") == "503"
}
