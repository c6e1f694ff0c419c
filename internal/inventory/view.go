package inventory

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// ViewOptions of control's view. The zero value is right but for Log.
type ViewOptions struct {
	// Probe asks an endpoint of a silent node whether it is there; nil error
	// means yes. By default any HTTP answer to GET /health is one.
	Probe func(ctx context.Context, e aim.Endpoint) error
	// Now is the clock, time.Now by default; only differences matter.
	Now func() time.Time
	Log *slog.Logger
}

// Changes is what is new since a mark.
type Changes struct {
	Nodes   []aim.FleetNode // by id
	Removed []string        // ids of nodes that were forgotten
	Mark    uint64          // to pass the next time
}

// View is the fleet as control hears it. Run keeps it up to date; all other
// methods may be called at any time, from any goroutine.
type View struct {
	conn  *Conn
	opts  ViewOptions
	log   *slog.Logger
	self  uint64 // marks our own probes: every control hears those of all
	probe probeSlots
	rate  rateSetter // used by loop alone

	mu      sync.Mutex
	t       *tracker
	cached  aim.Fleet // answer of Fleet, good for cachedFor
	cacheAt time.Time
	cacheOf uint64 // mark
	told    uint64 // mark that the subscribers know
	changed map[chan struct{}]bool

	settled     chan struct{}
	settledOnce sync.Once
}

const (
	tickEvery = 50 * time.Millisecond
	// cachedFor bounds how wrong the ages in a cached fleet can be.
	cachedFor = 100 * time.Millisecond
	// A view that has just started has heard everybody after one beat at the
	// slowest rate, and seen them after a snapshot.
	settleAfter  = 1500 * time.Millisecond
	settleAtMost = 5 * time.Second
)

// NewView makes a view that has heard nobody yet.
func NewView(conn *Conn, opts ViewOptions) *View {
	if opts.Probe == nil {
		opts.Probe = HTTPProbe
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &View{
		conn: conn, opts: opts, log: quietLog(opts.Log, opts.Now), t: newTracker(opts.Now()),
		self: rand.Uint64(), probe: newProbeSlots(),
		changed: map[chan struct{}]bool{}, settled: make(chan struct{}),
	}
}

// Run listens, judges and answers until ctx ends. It runs once. The error is one
// of subscribing.
func (v *View) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	subs := subscriptions{conn: v.conn}
	answers := newAnswerer(v.conn.nc, nil)
	defer v.probe.wait()
	defer answers.wait()
	defer stop()
	defer subs.end()
	for _, s := range []struct {
		subject, queue string
		f              nats.MsgHandler
	}{
		{allBeats, "", func(m *nats.Msg) { v.onBeat(ctx, m) }},
		{allSnapshots, "", func(m *nats.Msg) { v.onSnapshot(ctx, m) }},
		{disconnectSubject, "", func(m *nats.Msg) { v.onDisconnect(ctx, m) }},
		{fleetSubject, controlQueue, func(m *nats.Msg) { answers.start(ctx, m, v.answerFleet) }},
	} {
		if err := subs.add(s.subject, s.queue, s.f); err != nil {
			return err
		}
	}
	defer v.conn.whenReconnected(v.onReconnect)()
	v.call("")
	v.loop(ctx)
	return nil
}

// loop ticks. Self-probes go out with every second tick, so that a process
// that does not get to tick does not probe either.
func (v *View) loop(ctx context.Context) {
	start := v.opts.Now()
	var probed time.Time
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := v.opts.Now()
		if now.Sub(probed) >= probeSelfEvery {
			probed = now
			v.probeSelf(now)
		}
		v.with(ctx, func(t *tracker) { t.tick(now) })
		if v.complete(now.Sub(start)) { // before that the size of the fleet is not known
			v.setRate(now)
			v.settledOnce.Do(func() { close(v.settled) })
		}
	}
}

// with runs f on the tracker, then does what f left to do.
func (v *View) with(ctx context.Context, f func(t *tracker)) {
	v.mu.Lock()
	f(v.t)
	effects := v.t.take()
	news := v.t.mark != v.told
	v.told = v.t.mark
	if news {
		for ch := range v.changed {
			select {
			case ch <- struct{}{}:
			default: // it has not looked since the last one
			}
		}
	}
	v.mu.Unlock()
	for _, e := range effects {
		v.do(ctx, e)
	}
}

func (v *View) do(ctx context.Context, e effect) {
	switch e.do {
	case askSnapshot:
		v.logged(v.conn.publish(askSubject(e.node, QuestionSnapshot), nil))
	case probeEndpoints:
		v.probe.start(ctx, e.endpoints, v.opts.Probe, func(answered bool) {
			v.with(ctx, func(t *tracker) { t.probed(e.node, e.round, answered, v.opts.Now()) })
		})
	}
}

// call asks every node for its snapshot, or for a beat only.
func (v *View) call(what string) { v.logged(v.conn.publish(callSubject, []byte(what))) }

// complete tells whether everybody who was going to be heard has been; once
// it is so, it stays so.
func (v *View) complete(running time.Duration) bool {
	select {
	case <-v.settled:
		return true
	default:
	}
	if running < settleAfter {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.t.peers {
		if !p.visible() {
			return running >= settleAtMost
		}
	}
	return true
}

func (v *View) logged(err error) {
	if err != nil {
		v.log.Warn("inventory not asked", "error", err)
	}
}
