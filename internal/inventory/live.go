package inventory

import (
	"context"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// Live numbers are said while somebody wants them: who does says so on liveSubject
// now and then, and the nodes go on for as long after it. The pace grows with the
// fleet as that of beats does.
const (
	liveEvery  = 2 * time.Second
	liveFor    = 30 * time.Second
	wantEvery  = 10 * time.Second
	liveSpread = 50 * time.Millisecond // over which a small fleet answers the first call
)

// liveWanted notes that somebody wants this node's numbers, and says them soon.
func (p *Publisher) liveWanted(ctx context.Context) {
	p.mu.Lock()
	already := time.Since(p.wanted) < liveFor
	p.wanted = time.Now()
	p.mu.Unlock()
	p.saySoon(ctx, "live", liveSpread, func() { p.sayLive(ctx) })
	if already {
		return
	}
	p.answers.run(func() {
		for {
			pace := liveEvery * max(1, p.interval()/DefaultBeat)
			select {
			case <-ctx.Done():
				return
			case <-time.After(pace):
			}
			p.mu.Lock()
			over := time.Since(p.wanted) >= liveFor
			if over {
				p.wanted = time.Time{}
			}
			p.mu.Unlock()
			if over {
				return
			}
			p.sayLive(ctx)
		}
	})
}

func (p *Publisher) sayLive(ctx context.Context) {
	p.logged(p.conn.publish(livePrefix+p.node, encodeLive(p.opts.Live(ctx))))
}

// LiveView hears what nodes do now.
type LiveView struct {
	mu    sync.Mutex
	heard map[string]heardLive // by node
	news  chan struct{}
}

type heardLive struct {
	data []byte
	at   time.Time
}

// WatchLive asks for live numbers, and goes on asking, until ctx ends. The error is
// one of subscribing.
func WatchLive(ctx context.Context, conn *Conn) (*LiveView, error) {
	v := &LiveView{heard: map[string]heardLive{}, news: make(chan struct{}, 1)}
	subs := subscriptions{conn: conn}
	if err := subs.add(livePrefix+"*", "", v.hear); err != nil {
		return nil, err
	}
	if err := conn.publish(liveSubject, nil); err != nil {
		subs.end()
		return nil, err
	}
	go func() {
		defer subs.end()
		tick := time.NewTicker(wantEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = conn.publish(liveSubject, nil) // the next one may get through
			}
		}
	}()
	return v, nil
}

func (v *LiveView) hear(m *nats.Msg) {
	node := lastToken(m.Subject)
	if !aim.IsLabel(node) || node == controlID {
		return
	}
	v.mu.Lock()
	v.heard[node] = heardLive{append([]byte(nil), m.Data...), time.Now()}
	v.mu.Unlock()
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// News fires when something was heard.
func (v *LiveView) News() <-chan struct{} { return v.news }

// Node is what a node said last, within the time that it goes on for; ok is false
// where nothing was heard.
func (v *LiveView) Node(n aim.Node) (found aim.LiveNode, ok bool) {
	v.mu.Lock()
	h, ok := v.heard[n.ID]
	v.mu.Unlock()
	since := time.Since(h.at)
	if !ok || since > liveFor {
		return found, false
	}
	found, err := decodeLive(h.data, n)
	for name, l := range found.Servers {
		l.AgeMillis += since.Milliseconds()
		found.Servers[name] = l
	}
	return found, err == nil
}
