package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

type drainOptions struct {
	in    workflows.DrainInput
	until string
	wait  cli.WaitFlags
}

func newDrain(a *cli.App) *cobra.Command {
	var o drainOptions
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Empty a node: cordon it, and move its replicas elsewhere, one by one",
		Long: `Drain cordons a node and has its replicas succeeded on other nodes, one after the
other: each stops when its successor has proved itself, so that nothing that serves
is missed. One that is not ready is sent elsewhere at once. Where there is no room
the drain waits and says so; with --stop-first such a replica stops anyway, if
min_available allows it, and waits for room.

It is a workflow: it goes on when this command ends and when control or the node
start anew. Asking again follows it, opening the node ends it (aim node uncordon).`,
		Example: `  aim node drain n1
  aim node drain n1 --for reboot --why "kernel 6.12"`,
		Args: cli.Named("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.in.Node = args[0]
			return o.run(cmd.Context(), a)
		},
	}
	cmd.Flags().StringVar(&o.in.Why, "why", "", "the reason, shown wherever the node is (default \"being drained\")")
	cmd.Flags().StringVar(&o.until, "for", "", "`reboot`: wait until the empty node has started anew, and open it")
	cmd.Flags().BoolVar(&o.in.StopFirst, "stop-first", false, "stop replicas that have no place elsewhere, as far as min_available allows")
	o.wait.Add(cmd)
	return a.Prints(cmd, workflows.DrainStatus{})
}

func (o drainOptions) run(ctx context.Context, a *cli.App) error {
	if o.until != "" && o.until != "reboot" {
		return cli.Usage("--for is %q; a node is drained for a reboot, or without --for", o.until)
	}
	o.in.Reboot = o.until != ""
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	if !draining(ctx, c, o.in.Node) { // one that goes on is followed also while control starts anew
		if _, err := a.Node(ctx, o.in.Node); err != nil {
			return err
		}
	}
	ctx, cancel := o.wait.Within(ctx)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.DrainID(o.in.Node), TaskQueue: workflows.Queue, StaticSummary: "drain " + o.in.Node,
		TypedSearchAttributes:    workflows.DrainSearch(o.in.Node),
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, workflows.TypeDrain, o.in, nil)
	if err != nil {
		return cli.Next(cli.Failed("start the drain of %s: %v", o.in.Node, cli.ShortCause(err)), "aim doctor")
	}
	if o.wait.Detach {
		a.Out.Println(run.GetID())
		a.Hint("next: aim node drain %s", o.in.Node)
		return nil
	}
	return o.follow(ctx, a, c, run)
}

// draining tells whether a drain of the node is under way.
func draining(ctx context.Context, c client.Client, node string) bool {
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	d, err := c.DescribeWorkflowExecution(ctx, workflows.DrainID(node), "")
	return err == nil && d.WorkflowExecutionInfo.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// follow shows the drain until it ends.
func (o drainOptions) follow(ctx context.Context, a *cli.App, c client.Client, run client.WorkflowRun) error {
	ended := make(chan error, 1)
	var result workflows.DrainStatus
	go func() { ended <- run.Get(ctx, &result) }()
	live := display.NewLive(a.Err)
	defer live.Close()
	for poll := cli.FirstPoll; ; poll = min(poll*5/4, cli.LastPoll) {
		select {
		case err := <-ended:
			switch {
			case err == nil:
				return o.over(a, result)
			case over(ctx, err):
				return o.stopped(ctx)
			case workflows.CarriedFailure(err) != nil:
				return workflows.CarriedFailure(err)
			}
			return cli.Next(cli.Failed("drain %s: %v; the node stays cordoned", o.in.Node, cli.ShortCause(err)), "aim node uncordon %s", o.in.Node)
		case <-time.After(poll):
			if s, err := askDrain(ctx, c, run); err == nil { // what it says is a kindness
				a.Show(live, drainItems(s))
			}
		}
	}
}

// over tells whether the wait has ended, and not the drain: Temporal's client gives up
// a moment before the time of its caller is over.
func over(ctx context.Context, err error) bool {
	var late *serviceerror.DeadlineExceeded
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return ctx.Err() != nil
}

func askDrain(ctx context.Context, c client.Client, run client.WorkflowRun) (s workflows.DrainStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, run.GetID(), "", workflows.QueryDrain)
	if err != nil {
		return s, err
	}
	return s, answer.Get(&s)
}

// drainItems shows what the drain waits for, and a line for each replica that is left.
func drainItems(s workflows.DrainStatus) []display.Item {
	head := fmt.Sprintf("%s: %s, %s left", s.Node, s.Phase, display.Count(len(s.Left), "replica", "replicas"))
	if s.Reason != "" {
		head += ": " + s.Reason
	}
	items := []display.Item{{Key: s.Node, Line: head, Fact: head}}
	for _, r := range s.Left {
		line := fmt.Sprintf("  %s  %s", r.Name(), r.Phase)
		if r.Moving {
			line += ", its successor is on the way"
		}
		items = append(items, display.Item{Key: r.Name(), Line: line})
	}
	return items
}

// over tells the end. A node that somebody has opened meanwhile is not drained.
func (o drainOptions) over(a *cli.App, s workflows.DrainStatus) error {
	if a.Programs() {
		if err := display.Data(a.Out, a.Format, s); err != nil {
			return err
		}
	}
	if s.Phase != workflows.DrainDone {
		return cli.Next(aim.Failf(aim.ClassConflict, "the drain has ended: %s", s.Reason), "aim node show %s", s.Node)
	}
	a.Hint("%s; %s left it", s.Reason, display.Count(s.Gone, "replica has", "replicas have"))
	if !o.in.Reboot {
		a.Hint("next: aim node uncordon %s", s.Node)
	}
	return nil
}

// stopped says how to follow what goes on without us.
func (o drainOptions) stopped(ctx context.Context) error {
	why := error(cli.ErrInterrupted)
	if cause := context.Cause(ctx); errors.Is(cause, cli.ErrTimeout) {
		why = cause
	}
	return cli.Next(fmt.Errorf("%w; the drain goes on, and aim node uncordon %s ends it", why, o.in.Node), "aim node drain %s", o.in.Node)
}
