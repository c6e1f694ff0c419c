package model

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

type fetchOptions struct {
	in      workflows.FetchInput
	secrets []string
	wait    cli.WaitFlags
}

func newFetch(a *cli.App) *cobra.Command {
	var o fetchOptions
	cmd := &cobra.Command{
		Use:   "fetch MODEL [--node NODE]...",
		Short: "Bring the weights of a model to nodes ahead of a deployment",
		Long: `Fetch brings the weights of a model to the caches of nodes: of those that --node
names, else of all that take replicas. It goes on when this command ends, and
when a node restarts; what a node has already is not fetched again.`,
		Example: "  aim model fetch Qwen/Qwen3-32B --node n1 --node n2",
		Args:    cli.Named("MODEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.in.Model = args[0]
			return o.run(cmd.Context(), a)
		},
	}
	cmd.Flags().StringArrayVar(&o.in.Nodes, "node", nil, "only to this node; repeatable")
	cmd.Flags().StringVar(&o.in.Revision, "revision", "", "branch, tag or commit")
	cmd.Flags().StringArrayVar(&o.secrets, "secret", nil, "`HF_TOKEN=reference`, env:NAME or file:/path on the nodes (default the nodes' own)")
	o.wait.Add(cmd)
	return a.Prints(cmd, workflows.FetchResult{})
}

func (o *fetchOptions) run(ctx context.Context, a *cli.App) error {
	if err := cli.AddPairs("--secret", o.secrets, &o.in.Secrets); err != nil {
		return err
	}
	if err := (aim.DeploymentSpec{Model: o.in.Model, Revision: o.in.Revision, Secrets: o.in.Secrets}).Validate(); err != nil {
		return err
	}
	var err error
	if o.in.Nodes, err = fetchNodes(ctx, a, o.in.Nodes); err != nil {
		return err
	}
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := o.wait.Within(ctx)
	defer cancel()
	id := workflows.FetchID(o.in)
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.Queue, StaticSummary: "fetch " + o.in.Model,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, workflows.TypeFetch, o.in)
	if err != nil {
		return cli.Next(cli.Failed("start the fetch of %s: %v", o.in.Model, cli.ShortCause(err)), "aim doctor")
	}
	if o.wait.Detach {
		a.Out.Println(id)
		a.Hint("next: aim model list")
		return nil
	}
	return awaitFetch(ctx, a, c, run, o.in)
}

// fetchNodes are the named ones, or all that take replicas.
func fetchNodes(ctx context.Context, a *cli.App, named []string) ([]string, error) {
	for _, id := range named {
		if _, err := a.Node(ctx, id); err != nil {
			return nil, err
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return nil, err
	}
	var open []string
	for _, n := range fleet.Nodes {
		if n.Cordon == "" && (n.Liveness == aim.Alive || n.Liveness == "") {
			open = append(open, n.ID)
		}
	}
	if len(open) == 0 {
		return nil, cli.Next(aim.Failf(aim.ClassCapacity, "no node that is alive takes replicas, so there is none to fetch to"), "aim node list")
	}
	return open, nil
}

// awaitFetch follows a fetch to its end, showing every node's bytes.
func awaitFetch(ctx context.Context, a *cli.App, c client.Client, run client.WorkflowRun, in workflows.FetchInput) error {
	ended := make(chan error, 1)
	var result workflows.FetchResult
	go func() { ended <- run.Get(ctx, &result) }()
	live := display.NewLive(a.Err)
	defer live.Close()
	for poll := cli.FirstPoll; ; poll = min(poll*5/4, cli.LastPoll) {
		select {
		case err := <-ended:
			if err == nil {
				return fetched(a, result, in.Model)
			}
			if ctx.Err() != nil {
				return stoppedFetching(ctx, in)
			}
			return explainFetch(err, in.Model)
		case <-time.After(poll):
			a.Show(live, fetchItems(in, fetching(ctx, c, run)))
		}
	}
}

// fetched tells programs the result, and people where the model is now.
func fetched(a *cli.App, result workflows.FetchResult, model string) error {
	if a.Programs() {
		return display.Data(a.Out, a.Format, result)
	}
	for _, n := range result.Nodes {
		a.Out.Printf("%s is on %s (%s)\n", model, n.Node, display.Bytes(n.Bytes))
	}
	a.Hint("next: aim deploy %s", model)
	return nil
}

func explainFetch(err error, model string) error {
	if f := workflows.CarriedFailure(err); f != nil {
		return f
	}
	return cli.Next(cli.Failed("fetch %s: %v", model, cli.ShortCause(err)), "aim doctor")
}

// stoppedFetching says how to follow what goes on without us.
func stoppedFetching(ctx context.Context, in workflows.FetchInput) error {
	why := error(cli.ErrInterrupted)
	if cause := context.Cause(ctx); errors.Is(cause, cli.ErrTimeout) {
		why = cause
	}
	return cli.Next(fmt.Errorf("%w; the fetch goes on", why), "aim model fetch %s", in.Model)
}

// fetching reads what the nodes say in their heartbeats; the id of a node's
// activity is the node's.
func fetching(ctx context.Context, c client.Client, run client.WorkflowRun) map[string]aim.Progress {
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	found := map[string]aim.Progress{}
	d, err := c.DescribeWorkflowExecution(ctx, run.GetID(), run.GetRunID())
	if err != nil {
		return nil // progress is a kindness
	}
	for _, p := range d.PendingActivities {
		var progress aim.Progress
		_ = converter.GetDefaultDataConverter().FromPayloads(p.HeartbeatDetails, &progress) // none yet
		found[p.ActivityId] = progress
	}
	return found
}

// fetchItems shows a line for each node that still fetches.
func fetchItems(in workflows.FetchInput, now map[string]aim.Progress) []display.Item {
	var items []display.Item
	for _, node := range in.Nodes {
		p, ok := now[node]
		if !ok {
			continue
		}
		text := "waits for the node"
		if p.Step != "" {
			text = display.Moved(p.Done, p.Total)
		}
		if p.Note != "" {
			text += ", " + p.Note
		}
		items = append(items, display.Item{Key: node, Line: fmt.Sprintf("  %s  fetching %s  %s", node, in.Model, text), Fact: fmt.Sprintf("%s: fetching %s", node, in.Model)})
	}
	return items
}
