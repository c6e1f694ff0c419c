package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// Rates of a node.
const (
	// DefaultBeat is how often a node beats until control says otherwise. Three
	// missed ones are silence, so a node that hangs is noticed in 0.75 s.
	DefaultBeat = 250 * time.Millisecond
	minBeat     = 50 * time.Millisecond
	maxBeat     = 10 * time.Second
	// A snapshot is repeated every minute, more or less by a fifth so that the
	// fleet does not do it in step: whatever was lost is mended by then.
	repeatEvery = 60 * time.Second
	// When control asks all nodes at once, they answer over this long.
	callSpread = 250 * time.Millisecond
	// When one node is asked to say it again, it does so within this long, and
	// once for all who ask meanwhile.
	askSpread = 20 * time.Millisecond
)

// PublisherOptions of a node. The zero value beats at DefaultBeat and answers
// no question but "snapshot".
type PublisherOptions struct {
	Beat   time.Duration
	Answer Answer                                 // logs, describe, ...; nil refuses them
	Live   func(ctx context.Context) aim.LiveNode // what servers and GPUs do now; nil = nothing
	Redact func(lines []byte) []byte              // takes secrets out of answers, whole lines at a time; nil = as they are
	Log    *slog.Logger
}

// Publisher tells the fleet about one node.
type Publisher struct {
	conn  *Conn
	node  string
	epoch uint64
	nonce uint32
	opts  PublisherOptions
	log   *slog.Logger

	mu       sync.Mutex // held while sending, so that seq order is send order
	seq      uint64
	beat     time.Duration
	content  aim.Node // as published last
	known    []byte   // its JSON; nil before the first Publish
	digest   uint64   // of known
	flags    Flags
	stopping bool
	rate     chan struct{}   // beat has changed
	owed     map[string]bool // by the way of asking: what will be said soon
	answers  *answerer
	wanted   time.Time // when somebody last wanted live numbers
}

// NewPublisher prepares the broadcasts of node id, which is not "control".
// epoch must be larger than at every earlier start (see ledger.NextEpoch).
func NewPublisher(conn *Conn, id string, epoch uint64, opts PublisherOptions) (*Publisher, error) {
	if !aim.IsLabel(id) || id == controlID {
		return nil, fmt.Errorf("node id %q: use a DNS label other than %q", id, controlID)
	}
	if opts.Beat == 0 {
		opts.Beat = DefaultBeat
	}
	if opts.Answer == nil {
		opts.Answer = noAnswer
	}
	if opts.Live == nil {
		opts.Live = func(context.Context) aim.LiveNode { return aim.LiveNode{} }
	}
	return &Publisher{
		conn: conn, node: id, epoch: epoch, nonce: rand.Uint32(), opts: opts, log: quietLog(opts.Log, time.Now),
		beat: min(max(opts.Beat, minBeat), maxBeat), rate: make(chan struct{}, 1), owed: map[string]bool{},
		answers: newAnswerer(conn.nc, opts.Redact),
	}, nil
}

func noAnswer(_ context.Context, question string, _ []byte, _ func([]byte) error) error {
	return aim.Failf(aim.ClassInput, "this node answers no question %q", question)
}

// Publish makes this the node's description. Epoch and revision are filled in;
// the revision grows, and the snapshot is broadcast, only when something is new
// (see steady for what is not). The node may be changed afterwards, but not
// what it points to. The error says that the node cannot be described: no NATS
// is no error, the snapshot follows when it is back.
func (p *Publisher) Publish(node aim.Node) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	node = steady(p.content, node)
	node.ID, node.Epoch, node.Revision = p.node, p.epoch, p.content.Revision
	same, err := json.Marshal(node)
	if err != nil {
		return fmt.Errorf("encode inventory of %s: %w", p.node, err)
	}
	if string(same) == string(p.known) {
		return nil
	}
	node.Revision++
	data, err := json.Marshal(node)
	if err != nil {
		return fmt.Errorf("encode inventory of %s: %w", p.node, err)
	}
	if limit := p.conn.nc.MaxPayload(); limit > 0 && int64(len(data))+256 > limit {
		return fmt.Errorf("inventory of %s has %d bytes, the NATS server takes %d; raise its max_payload", p.node, len(data), limit)
	}
	p.content, p.known, p.digest, p.flags = node, data, digestOf(data), flagsOf(node)
	return p.sendSnapshot(snapshotSubject(p.node))
}

// Revision is that of the newest snapshot, 0 before the first.
func (p *Publisher) Revision() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.content.Revision
}

// Run beats, repeats the snapshot and answers questions until ctx ends; then it
// says goodbye, so that control does not have to find out. It runs once. The
// error is one of subscribing.
func (p *Publisher) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	subs := subscriptions{conn: p.conn}
	defer p.answers.wait()
	defer stop()
	defer subs.end()
	for subject, f := range map[string]nats.MsgHandler{
		askSubject(p.node, "*"): func(m *nats.Msg) { p.question(ctx, m) },
		callSubject:             func(m *nats.Msg) { p.called(ctx, m) },
		rateSubject:             func(m *nats.Msg) { p.setRate(m.Data) },
		liveSubject:             func(*nats.Msg) { p.liveWanted(ctx) },
	} {
		if err := subs.add(subject, "", f); err != nil {
			return err
		}
	}
	defer p.conn.whenReconnected(p.sendBeat)()
	p.logged(p.repeat())
	p.loop(ctx)
	p.goodbye()
	return nil
}

func (p *Publisher) loop(ctx context.Context) {
	p.sendBeat()
	beat := time.NewTicker(p.interval())
	defer beat.Stop()
	repeat := time.NewTimer(jitter(repeatEvery))
	defer repeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			p.sendBeat()
		case <-repeat.C:
			p.logged(p.repeat())
			repeat.Reset(jitter(repeatEvery))
		case <-p.rate:
			beat.Reset(p.interval())
			p.sendBeat()
		}
	}
}

// jitter is d, more or less by up to a fifth.
func jitter(d time.Duration) time.Duration {
	return d + rand.N(2*d/5) - d/5
}

func (p *Publisher) interval() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beat
}

// logged notes an error that mends itself with the next beat or snapshot.
func (p *Publisher) logged(err error) {
	if err != nil {
		p.log.Warn("inventory not sent", "node", p.node, "error", err)
	}
}
