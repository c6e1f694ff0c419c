package worker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/internal/admin"
	"github.com/aim-engine/aim/internal/discovery"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/machine"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/telemetry"
	"github.com/aim-engine/aim/internal/temporal"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/workflows"
)

const (
	// stopWithin is how long activities may take to end when a process stops.
	stopWithin = 10 * time.Second
	// gather is how long a control process listens for nodes before it takes
	// work: one round of questions and answers, with room for slow nodes.
	gather = 500 * time.Millisecond
	// stickyFor is how long the next task of a workflow waits for the process
	// that has it in memory. After a crash of control every workflow waits once
	// this long; too short a time costs replays when control is busy.
	stickyFor = 2 * time.Second
	// tickEvery is the pace of what has no event of its own.
	tickEvery = time.Second
)

// Control is a control process: it runs the workflows, the short activities,
// and, while it leads, the waiting order.
type Control struct {
	cfg       settings.Control
	to        settings.Connection
	log       *slog.Logger
	telemetry *telemetry.Process
	temporal  client.Client
	nats      *inventory.Conn
	view      *inventory.View
	placer    *control.Placer
	control   *control.Control
	replicas  control.ReplicaCounter
	admin     *admin.Administration // nil without a store
	processes inventory.Processes
}

// NewControl connects a control process. It refuses to start where Temporal,
// its search attributes or NATS are missing, and says what to do about it.
func NewControl(ctx context.Context, to settings.Connection, cfg settings.Control, log *slog.Logger) (*Control, error) {
	if cfg.ID == "" {
		host, _ := os.Hostname()
		cfg.ID = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	c := &Control{cfg: cfg, to: to, log: log, telemetry: telemetry.New()}
	catalogue, err := recipes.Load(cfg.Recipes...)
	if err == nil {
		err = catalogue.Check()
	}
	if err != nil {
		return nil, err
	}
	metrics, err := c.telemetry.SDK(log)
	if err != nil {
		return nil, err
	}
	if c.temporal, err = temporal.Dial(ctx, to.Temporal, "aim-control/"+cfg.ID, metrics, log); err != nil {
		return nil, err
	}
	if err := temporal.Check(ctx, c.temporal, to.Temporal.Namespace, workflows.SearchAttributes()); err != nil {
		c.temporal.Close()
		return nil, err
	}
	if c.nats, err = inventory.Connect(ctx, to.NATS, "aim-control/"+cfg.ID, log); err != nil {
		c.temporal.Close()
		return nil, err
	}
	c.view = inventory.NewView(c.nats, inventory.ViewOptions{Log: log})
	c.placer = control.NewPlacer(c.view.Settled())
	c.control = &control.Control{Catalogue: catalogue, Describe: control.AskNodes(inventory.Asker(c.nats, activities.QuestionModel)), Placer: c.placer, Leading: c.lead,
		Versions: c.workflows(), Deployments: c.workflows()}
	c.telemetry.WatchFleet(c.view.Fleet)
	c.replicas = control.ReplicaCounter{Workflows: c.workflows(), Tell: c.telemetry.Replicas(), Log: log}
	if c.admin, err = admin.Open(ctx, cfg, log); err != nil {
		c.temporal.Close()
		c.nats.Close()
		return nil, err
	}
	return c, nil
}

// Run works until ctx ends, and then stops in order: no new work, running
// activities to their end, connections.
func (c *Control) Run(ctx context.Context) error {
	defer c.temporal.Close()
	defer c.nats.Close()
	if err := c.telemetry.Listen(c.cfg.Metrics); err != nil {
		return err
	}
	c.telemetry.Handle("GET /sd", discovery.Handler(c.targets))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.processes.Run(ctx, c.nats) })
	group.Go(func() error {
		return announce(ctx, c.nats, c.telemetry, aim.Process{Kind: aim.ControlProcess, ID: c.cfg.ID}, machine.AddressTowards(c.to.Temporal.Address))
	})
	group.Go(func() error { return c.telemetry.Serve(ctx, c.log) })
	group.Go(func() error { return c.view.Run(ctx) })
	group.Go(func() error { c.followFleet(ctx); return nil })
	group.Go(func() error { c.expectNodes(ctx); return nil })
	if c.admin != nil {
		group.Go(func() error { return c.admin.Run(ctx) })
		group.Go(func() error {
			(&control.Directory{Workflows: c.workflows(), Tell: c.admin.Server.SetDeployments, Log: c.log}).Run(ctx)
			return nil
		})
	}
	group.Go(func() error { return c.work(ctx) })
	return group.Wait()
}

// targets are whom Prometheus is to scrape.
func (c *Control) targets() []discovery.Group {
	return discovery.Targets(c.view.Fleet(), c.processes.List(), machine.BootID())
}

// announce tells control that there is a process and where its metrics are.
func announce(ctx context.Context, conn *inventory.Conn, t *telemetry.Process, p aim.Process, host string) error {
	p.BootID, p.Metrics = machine.BootID(), t.Address(host)
	return inventory.Announce(ctx, conn, p)
}

func (c *Control) workflows() control.Workflows { return control.Workflows{Temporal: c.temporal} }

// expectNodes makes the view judge nodes that are away since before this start.
func (c *Control) expectNodes(ctx context.Context) {
	if err := c.workflows().ExpectNodes(ctx, c.view.Settled(), c.view.Expect); err != nil {
		c.log.Warn("nodes that went away before the start may not be shown", "error", err)
	}
}

// followFleet feeds the scheduler.
func (c *Control) followFleet(ctx context.Context) {
	changed, stop := c.view.Changes()
	defer stop()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var mark uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			news := c.view.Since(mark)
			mark = news.Mark
			c.placer.Update(news.Nodes, news.Removed)
		case <-tick.C:
			c.placer.Tick()
		}
	}
}

// work polls the control queue once the nodes have had time to report.
func (c *Control) work(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(gather):
	}
	w := worker.New(c.temporal, activities.ControlQueue, c.options())
	workflows.Register(w)
	c.control.Register(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("poll Temporal queue %q: %w", activities.ControlQueue, err)
	}
	defer w.Stop()
	if err := c.ensureScheduler(ctx); err != nil {
		return err
	}
	c.telemetry.SetReady()
	c.log.Info("control is ready", "id", c.cfg.ID)
	c.keepScheduler(ctx)
	return nil
}

// electEvery is how often control looks whether the election still runs: people
// terminate workflows.
const electEvery = 10 * time.Second

// keepScheduler starts the singleton again when somebody has ended it.
func (c *Control) keepScheduler(ctx context.Context) {
	tick := time.NewTicker(electEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.ensureScheduler(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("could not look after the election of the leader", "error", err)
			}
		}
	}
}

// options lets one process run what hundreds of replicas need: activities of
// control are short or wait.
func (c *Control) options() worker.Options {
	return worker.Options{
		Identity: "aim-control/" + c.cfg.ID, WorkerStopTimeout: stopWithin,
		MaxConcurrentWorkflowTaskPollers: 8, MaxConcurrentActivityTaskPollers: 8,
		StickyScheduleToStartTimeout: stickyFor,
		Interceptors:                 []interceptor.WorkerInterceptor{c.telemetry.Interceptor()},
	}
}

// ensureScheduler starts the singleton that elects the leader, if none runs.
func (c *Control) ensureScheduler(ctx context.Context) error {
	_, err := c.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.SchedulerID, TaskQueue: workflows.Queue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "elects the control process that keeps the waiting order",
	}, workflows.TypeScheduler)
	if err != nil {
		return fmt.Errorf("start workflow %q: %w", workflows.SchedulerID, err)
	}
	return nil
}

// rebalancer makes room for those who wait, as far as the settings let it.
func (c *Control) rebalancer() *control.Rebalancer {
	return &control.Rebalancer{
		Level: control.RebalanceLevel(c.cfg.Relief), Placer: c.placer, Deployments: c.workflows(), Log: c.log,
	}
}

// lead serves the waiting order until ctx ends.
func (c *Control) lead(ctx context.Context) error {
	options := c.options()
	options.DisableWorkflowWorker = true
	options.MaxConcurrentActivityExecutionSize = 20_000 // each waiting request is one
	w := worker.New(c.temporal, activities.PlaceQueue, options)
	c.control.RegisterPlacing(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("poll Temporal queue %q: %w", activities.PlaceQueue, err)
	}
	c.log.Info("leading", "id", c.cfg.ID)
	var rebalancing sync.WaitGroup
	rebalancing.Go(func() { c.rebalancer().Run(ctx) })
	rebalancing.Go(func() {
		(&control.Verdicts{Fleet: c.view.Fleet, Held: c.view.Held, Replicas: c.workflows(), Log: c.log}).Run(ctx)
	})
	rebalancing.Go(func() {
		planner := control.Planner{Control: c.control, Deployments: c.workflows()}
		if err := inventory.AnswerAsLeader(ctx, c.nats, activities.QuestionPlan, planner.Answer); err != nil {
			c.log.Warn("nobody can ask for plans", "error", err)
		}
	})
	c.replicas.Run(ctx)
	rebalancing.Wait()
	w.Stop()
	return ctx.Err()
}
