package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/amdgpu"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/ledger"
	"github.com/aim-engine/aim/internal/machine"
	"github.com/aim-engine/aim/internal/ownership"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/telemetry"
	"github.com/aim-engine/aim/internal/temporal"
)

// Node is a node agent: it carries out the activities of its machine, keeps
// its claims, and tells the fleet what it has.
type Node struct {
	cfg       settings.Node
	to        settings.Connection
	log       *slog.Logger
	telemetry *telemetry.Process
	temporal  client.Client
	polls     *temporal.Polls
	nats      *inventory.Conn
	ledger    *ledger.Ledger
	gpus      *amdgpu.Reader
	runtimes  []node.Runtime
	node      *node.Node
	publisher *inventory.Publisher
	options   node.Options
	strangers func(context.Context) ([]aim.Stranger, error) // nil unless Docker is the runtime
}

// NewNode connects a node agent. No GPU is no reason to fail; a ledger that
// another agent holds, or that a newer version wrote, is.
func NewNode(ctx context.Context, to settings.Connection, cfg settings.Node, log *slog.Logger) (*Node, error) {
	if cfg.Address == "" {
		cfg.Address = machine.AddressTowards(to.Temporal.Address)
	}
	n := &Node{cfg: cfg, to: to, log: log.With("node", cfg.ID), telemetry: telemetry.New()}
	n.gpus = amdgpu.New(cfg.Sysfs, amdgpu.WithBaseline(n.acceptedErrors))
	var err error
	if n.ledger, err = openLedger(cfg.Dir, bootOf(cfg), n.log); err != nil {
		return nil, err
	}
	if err := n.connect(ctx); err != nil {
		_ = n.ledger.Close()
		return nil, err
	}
	return n, nil
}

// bootOf tells which start of the machine this is.
func bootOf(cfg settings.Node) string {
	if cfg.SimulateRoot != "" {
		return machine.SimulatedBootID(cfg.SimulateRoot)
	}
	return machine.BootID()
}

// openLedger opens the node's record. A damaged one is set aside: containers
// and processes tell most of it again.
func openLedger(dir, boot string, log *slog.Logger) (*ledger.Ledger, error) {
	l, err := ledger.Open(filepath.Join(dir, "ledger"), boot)
	if errors.Is(err, ledger.ErrDamaged) {
		log.Error("the ledger was damaged and has been set aside; claims are taken from running servers", "error", err)
		return l, nil
	}
	return l, err
}

func (n *Node) connect(ctx context.Context) error {
	var err error
	if n.runtimes, err = n.openRuntimes(ctx); err != nil {
		return err
	}
	n.polls = temporal.WatchPolls(time.Now)
	metrics, err := n.telemetry.SDK(n.log)
	if err != nil {
		return err
	}
	if n.temporal, err = temporal.Dial(ctx, n.to.Temporal, n.identity(), metrics, n.log,
		grpc.WithChainUnaryInterceptor(n.polls.Intercept)); err != nil {
		return err
	}
	namespace, err := temporal.NamespaceID(ctx, n.temporal, n.to.Temporal.Namespace)
	if err != nil {
		n.temporal.Close()
		return err
	}
	epoch, err := n.ledger.NextEpoch(time.Now().UnixNano())
	if err != nil {
		n.log.Error("the ledger cannot be written; nothing new is taken until it can", "error", err)
	}
	n.nats, err = inventory.Connect(ctx, n.to.NATS, inventory.NodeName(n.cfg.ID), n.log)
	if err != nil {
		n.temporal.Close()
		return err
	}
	n.options = n.agentOptions(namespace, epoch)
	return nil
}

// agentOptions are the settings, and what the agent has found out at its start.
func (n *Node) agentOptions(namespace string, epoch uint64) node.Options {
	host, _ := os.Hostname()
	return node.Options{Node: n.cfg, Host: host, Version: Version, Namespace: namespace, Epoch: epoch, Log: n.log}
}

// Run works until ctx ends. Servers go on without it.
func (n *Node) Run(ctx context.Context) error {
	defer n.ledger.Close()
	defer n.temporal.Close()
	defer n.nats.Close()
	if err := n.telemetry.Listen(n.cfg.Metrics); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	n.node = node.New(ctx, n.ports(), n.options)
	defer n.node.Wait()
	defer end()
	if err := n.node.Reconcile(ctx); err != nil {
		return fmt.Errorf("reconcile node %s: %w", n.cfg.ID, err)
	}
	if err := n.ledger.Reconciled(); err != nil {
		return fmt.Errorf("reconcile node %s: %w", n.cfg.ID, err)
	}
	var err error
	options := inventory.PublisherOptions{Answer: n.node.Answer, Live: n.node.Live, Redact: n.node.Redact, Log: n.log}
	if n.publisher, err = inventory.NewPublisher(n.nats, n.cfg.ID, n.options.Epoch, options); err != nil {
		return err
	}
	n.telemetry.WatchFleet(n.self)
	group.Go(func() error { return n.telemetry.Serve(ctx, n.log) })
	group.Go(func() error {
		return announce(ctx, n.nats, n.telemetry, aim.Process{Kind: aim.NodeProcess, ID: n.cfg.ID}, n.cfg.Address)
	})
	group.Go(func() error { return n.publisher.Run(ctx) })
	group.Go(func() error { n.publish(ctx); return nil })
	group.Go(func() error { n.tend(ctx); return nil })
	group.Go(func() error { return n.work(ctx) })
	return group.Wait()
}

func (n *Node) ports() node.Ports {
	return node.Ports{
		GPUs: n.gpus, Runtimes: n.runtimes, Backends: Backends(), Ledger: n.ledger,
		Hub:       n.openHub(),
		Owners:    ownership.Temporal{Client: n.temporal},
		Strangers: n.strangers,
		Machine:   n.machine,
		Deaf:      n.polls.Refused,
		Client:    &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 2}},
	}
}

// acceptedErrors are the uncorrectable errors that an operator knows of, as the
// GPU reader wants them.
func (n *Node) acceptedErrors() amdgpu.Baseline {
	accepted := amdgpu.Baseline{}
	for board, e := range n.ledger.State().Errors {
		accepted[board] = e.Accepted
	}
	return accepted
}

// publish sends the inventory whenever it has changed.
func (n *Node) publish(ctx context.Context) {
	for {
		n.publisher.Publish(n.node.Inventory())
		select {
		case <-ctx.Done():
			return
		case <-n.node.Changed():
		}
	}
}

// tend applies the ownership rule, and reads the GPUs again when their topology
// has changed or some time has passed.
func (n *Node) tend(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	generation, scanned := n.gpus.Generation(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n.node.Tend(ctx)
		now := n.gpus.Generation()
		if now == generation && time.Since(scanned) < n.cfg.Rescan {
			continue
		}
		generation, scanned = now, time.Now()
		if err := n.node.Scan(ctx, scanned); err != nil {
			n.log.Error("could not read the GPUs", "error", err)
			continue
		}
		n.publisher.Publish(n.node.Inventory())
	}
}

// pollers are how many polls an agent keeps open: one while it is idle, since a
// namespace has room for 1,200 a frontend, and more only while work keeps coming.
// A server that has too many is given them back first.
var pollers = worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{
	InitialNumberOfPollers: 1, MinimumNumberOfPollers: 1, MaximumNumberOfPollers: 4,
})

// work polls the node's queue. Few slots: what runs here waits or moves bytes.
func (n *Node) work(ctx context.Context) error {
	w := worker.New(n.temporal, activities.NodeQueue(n.cfg.ID), worker.Options{
		DisableWorkflowWorker: true, Identity: n.identity(), WorkerStopTimeout: stopWithin,
		MaxConcurrentActivityExecutionSize: 200, ActivityTaskPollerBehavior: pollers,
		Interceptors: []interceptor.WorkerInterceptor{n.telemetry.Interceptor()},
	})
	n.node.Register(w)
	ownership.TakeOver{Client: n.temporal, Namespace: n.to.Temporal.Namespace, Node: n.cfg.ID, Identity: n.identity(), Log: n.log}.Of(ctx, n.ledger.Claims())
	if err := w.Start(); err != nil {
		return fmt.Errorf("poll Temporal queue %q: %w", activities.NodeQueue(n.cfg.ID), err)
	}
	defer w.Stop()
	n.telemetry.SetReady()
	n.log.Info("node is ready", "gpus", len(n.node.Inventory().GPUs))
	<-ctx.Done()
	return nil
}

// self is this node as a fleet of one, for its own metrics.
func (n *Node) self() aim.Fleet {
	return aim.Fleet{Nodes: []aim.FleetNode{{Node: n.node.Inventory(), Liveness: aim.Alive}}}
}

func (n *Node) machine() aim.Machine {
	if n.cfg.SimulateRoot != "" {
		return machine.Simulated(n.cfg.SimulateRoot)
	}
	return machine.Read(n.cfg.Cache)
}

// identity is the agent's name in Temporal.
func (n *Node) identity() string { return "aim-node/" + n.cfg.ID }
