package inventory

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// subscriptions are ended together.
type subscriptions struct {
	conn *Conn
	subs []*nats.Subscription
}

// add subscribes; queue "" means every message.
func (s *subscriptions) add(subject, queue string, f nats.MsgHandler) error {
	sub, err := s.conn.nc.QueueSubscribe(subject, queue, f)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	s.subs = append(s.subs, sub)
	return nil
}

// end unsubscribes; on a closed connection there is nothing to end.
func (s *subscriptions) end() {
	for _, sub := range s.subs {
		_ = sub.Unsubscribe()
	}
}
