package node

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/settings"
)

// Ports are the outside things a node works with.
type Ports struct {
	GPUs     GPUReader
	Runtimes []Runtime // the first that answers starts new servers; all are searched for old ones
	Backends map[string]Backend
	Hub      func(token string) (Hub, error) // token may be ""
	Ledger   Ledger
	Owners   Owners
	// Strangers lists containers that are not ours and hold render nodes.
	Strangers func(ctx context.Context) ([]aim.Stranger, error)
	// Deaf says why this node does not hear of work, "" = it does; nil = always.
	// A deaf node takes nothing new.
	Deaf func() string
	// Machine reads CPUs, memory and disk.
	Machine func() aim.Machine
	// Client talks to the servers' HTTP. Requests does for real requests, whose
	// answers have all the time they need; nil = Client without its timeout.
	Client, Requests *http.Client
}

// Owners asks Temporal whose a claim is.
type Owners interface {
	// Owner answers for the replica of this identity. An error means that
	// nobody could be asked, and changes nothing.
	Owner(ctx context.Context, id aim.Identity) (aim.Ownership, error)
}

// Options are the node's settings, and what its agent has found out at its start.
type Options struct {
	settings.Node
	Host, Version string
	Namespace     string // id of Temporal's namespace
	Epoch         uint64

	Stall       time.Duration // without progress before readiness is given up; 0 = 15 min
	HealthEvery time.Duration // between two health checks of a ready server; 0 = 2 s
	ProbeEvery  time.Duration // without work, before a ready server is sent a small request; 0 = 30 s
	HangAfter   time.Duration // that such a request may be unanswered while a busy server does no work; 0 = 5 min
	FreeWithin  time.Duration // for the memory of a stopped server to be seen free; 0 = 30 s
	Log         *slog.Logger
}

// Node carries out the activities of one machine and is the one writer of its
// inventory.
type Node struct {
	ports   Ports
	opts    Options
	secrets secrets
	started time.Time
	ledger  *trackedLedger  // ports.Ledger
	life    context.Context // of the agent: monitors of servers live and end with it
	changed chan struct{}   // the inventory differs from what was published

	background background // what goes on beside activities, until life ends

	liveAsked atomic.Int64 // when somebody last asked for live numbers, in ns since 1970

	sharing sync.Mutex           // one start on a shared GPU at a time
	state   sync.Mutex           // one change of the state file at a time
	unused  map[string]time.Time // quarantined GPUs, and since when nobody is seen on them; of Scan alone

	mu        sync.Mutex
	detection aim.Detection
	attempts  map[attemptKey]*attemptState

	noRuntime    string    // why no server can be started; "" = one can
	runtimeAsked time.Time // when that was found out

	wasDeaf string // as the fleet was told
}

// New makes a node whose server monitors live until ctx ends.
func New(ctx context.Context, ports Ports, opts Options) *Node {
	opts.Stall = cmp.Or(opts.Stall, stall)
	opts.HealthEvery = cmp.Or(opts.HealthEvery, healthEvery)
	opts.ProbeEvery = cmp.Or(opts.ProbeEvery, probeEvery)
	opts.HangAfter = cmp.Or(opts.HangAfter, hangAfter)
	if ports.Requests == nil && ports.Client != nil {
		patient := *ports.Client
		patient.Timeout = 0
		ports.Requests = &patient
	}
	opts.FreeWithin = cmp.Or(opts.FreeWithin, freeWithin)
	n := &Node{
		ports: ports, opts: opts, started: time.Now(), life: ctx,
		changed: make(chan struct{}, 1), attempts: map[attemptKey]*attemptState{}, unused: map[string]time.Time{},
	}
	n.ledger = &trackedLedger{Ledger: ports.Ledger, changed: n.announce}
	n.ports.Ledger = n.ledger
	n.learnSecrets()
	return n
}

// Register adds the node's activities to a worker.
func (n *Node) Register(r interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}) {
	for name, fn := range map[string]any{
		activities.Claim: n.Claim, activities.PullImage: n.PullImage, activities.FetchModel: n.FetchModel,
		activities.RemoveModel: n.RemoveModel, activities.Start: n.Start, activities.AwaitReady: n.AwaitReady,
		activities.Watch: n.Watch, activities.Stop: n.Stop, activities.Release: n.Release, activities.SetNode: n.SetNode,
	} {
		r.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

// Wait returns when everything that goes on beside activities has ended: soon
// after the context of New has. The ledger may be closed then.
func (n *Node) Wait() { n.background.wait() }

// Changed fires when the inventory should be published again.
func (n *Node) Changed() <-chan struct{} { return n.changed }

func (n *Node) announce() {
	select {
	case n.changed <- struct{}{}:
	default: // one is pending already
	}
}
