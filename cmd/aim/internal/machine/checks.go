package machine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	enums "go.temporal.io/api/enums/v1"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/gpu"
	"github.com/aim-engine/aim/cmd/aim/internal/up"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/runtime/docker"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/temporal"
	"github.com/aim-engine/aim/workflows"
)

// The checks of `aim doctor`, in the order of their lines.

// checkState looks at the folder of `aim up`. A stopped stack is no fault: the
// user may have another Temporal.
func checkState(_ context.Context, a *cli.App) Finding {
	f := Finding{Check: "state", State: StateOK, Text: a.Settings.Dir}
	s, err := config.ReadStack(a.Settings.Dir)
	runs, asked := up.Runs(a.Settings.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.Text += ": aim up has not run here"
	case err != nil:
		f.State, f.Text = StateBad, err.Error()
	case asked != nil:
		f.State, f.Text = StateBad, asked.Error()
	case runs:
		f.Text += fmt.Sprintf(": aim up runs (pid %d)", s.PID)
	default:
		f.State, f.Text, f.Next = StateNote, f.Text+": aim up is stopped", "aim up"
	}
	return f
}

// checkTemporal also looks for the namespace and its search attributes, without which
// control refuses to start, and for what a server of this version lacks.
func checkTemporal(ctx context.Context, a *cli.App) Finding {
	t := a.Settings.Temporal
	f := Finding{Check: "Temporal", State: StateOK, Text: fmt.Sprintf("%s, namespace %s (from %s)", t.Address, t.Namespace, a.Settings.Source("temporal.address"))}
	c, err := a.Temporal(ctx)
	if err != nil {
		return badAddress(a, f, "temporal.address", err)
	}
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	have, err := temporal.Look(ctx, c, t.Namespace)
	if err != nil {
		return bad(f, cli.Failed("Temporal answers, but not for namespace %q: %v", t.Namespace, cli.ShortCause(err)))
	}
	if err := have.Check(t.Namespace, workflows.SearchAttributes()); err != nil {
		return bad(f, err)
	}
	version, err := temporal.ServerVersion(ctx, c)
	if err != nil {
		return bad(f, err)
	}
	if version != "" {
		f.Text = version + " at " + f.Text
	}
	for _, lack := range have.Lacks(version) {
		f.Text += fmt.Sprintf("; lacks %s: %s", lack.What, lack.Cost)
		switch {
		case lack.Needed:
			f.State = StateBad
		case f.State == StateOK:
			f.State = StateNote
		}
	}
	return f
}

// checkControl looks whether anybody polls the queue of control.
func checkControl(ctx context.Context, a *cli.App) Finding {
	f := Finding{Check: "control", State: StateOK}
	c, err := a.Temporal(ctx)
	if err != nil {
		f.State, f.Text = StateNote, "not checked: Temporal does not answer"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	queue, err := c.DescribeTaskQueue(ctx, workflows.Queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return bad(f, cli.Failed("ask for the workers of queue %q: %v", workflows.Queue, cli.ShortCause(err)))
	}
	if len(queue.Pollers) == 0 {
		return bad(f, cli.Next(cli.Failed("no control process polls queue %q", workflows.Queue), "aim control run"))
	}
	names := map[string]bool{}
	for _, p := range queue.Pollers {
		names[p.Identity] = true
	}
	f.Text = strings.Join(slices.Sorted(maps.Keys(names)), ", ") + " (seen within 5 minutes)"
	return f
}

// checkOrder looks for the workflow whose activity keeps the waiting order.
// Without it deployments that must wait for GPUs wait for ever.
func checkOrder(ctx context.Context, a *cli.App) Finding {
	f := Finding{Check: "queue", State: StateOK}
	c, err := a.Temporal(ctx)
	if err != nil {
		f.State, f.Text = StateNote, "not checked: Temporal does not answer"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	d, err := c.DescribeWorkflowExecution(ctx, workflows.SchedulerID, "")
	if err != nil {
		return bad(f, cli.Next(cli.Failed("no workflow %q keeps the waiting order: %v", workflows.SchedulerID, cli.ShortCause(err)), "aim control run"))
	}
	if status := d.GetWorkflowExecutionInfo().GetStatus(); status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return bad(f, cli.Next(cli.Failed("workflow %q, which keeps the waiting order, has ended (%s); control starts it again when it starts", workflows.SchedulerID, status), "aim control run"))
	}
	for _, p := range d.PendingActivities {
		if p.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED {
			f.Text = fmt.Sprintf("kept by %s", p.GetLastWorkerIdentity())
			return f
		}
	}
	return bad(f, cli.Next(cli.Failed("no control process keeps the waiting order"), "aim control run"))
}

// checkNATS connects, and looks whether the server tells of connections that end; who
// answers there is for checkNodes.
func checkNATS(ctx context.Context, a *cli.App) Finding {
	f := Finding{Check: "NATS", State: StateOK, Text: fmt.Sprintf("%s (from %s)", a.Settings.NATS.URL, a.Settings.Source("nats.url"))}
	conn, err := a.NATS(ctx)
	if err != nil {
		return badAddress(a, f, "nats.url", err)
	}
	f.Text = conn.Version() + " at " + f.Text
	tells, err := inventory.TellsOfEnds(ctx, conn, a.Settings.NATS)
	if err != nil {
		return bad(f, cli.Failed("NATS answers, but not for what we need: %v", cli.ShortCause(err)))
	}
	if !tells {
		f.State = StateNote
		f.Text += "; it does not tell this account of connections that end, so a node that dies is silent only after three missed beats"
	}
	return f
}

// checkNodes counts the fleet. A silent node is told, but may be switched off on
// purpose.
func checkNodes(ctx context.Context, a *cli.App) Finding {
	f := Finding{Check: "nodes", State: StateOK}
	if _, err := a.NATS(ctx); err != nil {
		f.State, f.Text = StateNote, "not checked: NATS does not answer"
		return f
	}
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return bad(f, err)
	}
	if len(fleet.Nodes) == 0 {
		return bad(f, cli.Next(cli.Failed("no node has reported"), "aim node run"))
	}
	var silent []string
	gpus, simulated := 0, 0
	for _, n := range fleet.Nodes {
		gpus += len(n.GPUs)
		if n.Liveness != aim.Alive {
			silent = append(silent, fmt.Sprintf("%s is %s", n.ID, n.Liveness))
		}
		if n.Simulated {
			simulated++
		}
	}
	f.Text = fmt.Sprintf("%s with %s", display.Count(len(fleet.Nodes), "node", "nodes"), display.Count(gpus, "GPU", "GPUs"))
	if simulated > 0 {
		f.Text += fmt.Sprintf(", %d SIMULATED", simulated)
	}
	if len(silent) > 0 {
		f.State, f.Text, f.Next = StateNote, f.Text+"; "+strings.Join(silent, ", "), "aim node list"
	}
	return f
}

// checkGPUs reads this machine. A control host or a laptop has no GPU, so that is
// a note with its reason.
func checkGPUs(ctx context.Context, a *cli.App) Finding {
	f := Finding{Check: "GPUs", State: StateOK}
	found, err := gpu.Detect(ctx, a)
	if err != nil {
		return bad(f, err)
	}
	if len(found.GPUs) == 0 {
		f.State, f.Text, f.Next = StateNote, "none on this machine: "+found.Reason, "aim up --simulate 2x8"
		if s, err := config.ReadStack(a.Settings.Dir); err == nil && s.PID != 0 {
			f.Next = "aim down && " + f.Next
			if s.Simulate != "" {
				f.Next = "" // simulated nodes run already
			}
		}
		return f
	}
	f.Text = strings.Join(gpu.CountTypes(found.GPUs), ", ")
	if n := len(found.NotOffered); n > 0 {
		f.Text += fmt.Sprintf("; %s not offered", display.Count(n, "device is", "devices are"))
	}
	for _, g := range found.GPUs {
		if ok, why := g.Usable(); !ok {
			f.State, f.Next = StateNote, "aim gpu list"
			f.Text += fmt.Sprintf("; %s: %s", g.ID, why)
		}
	}
	return f
}

// checkDocker is a note as well: the process runtime does without.
func checkDocker(ctx context.Context, a *cli.App) Finding {
	f := Finding{Check: "Docker", State: StateOK}
	about, err := askDocker(ctx, a.Settings.Node.DockerHost)
	if err != nil {
		f.State, f.Text = StateNote, fmt.Sprintf("does not answer: %v; only servers without containers can run here", err)
		if fail := aim.FailureOf(err); fail.Hint != "" {
			f.Text += "; " + fail.Hint
		}
		return f
	}
	f.Text = fmt.Sprintf("Engine %s answers at %s", about.Version, about.Address)
	for _, why := range about.Obstacles(a.Settings.Node.Dev) {
		f.State, f.Text = StateNote, f.Text+"; "+why
	}
	return f
}

// askDocker asks the daemon. The runtime wants a folder, which nothing will come to.
func askDocker(ctx context.Context, host string) (docker.About, error) {
	dir, err := os.MkdirTemp("", "aim-doctor-")
	if err != nil {
		return docker.About{}, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	r, err := docker.New(settings.Node{DockerHost: host, Dir: dir}, docker.Options{})
	if err != nil {
		return docker.About{}, err
	}
	defer r.Close()
	return r.About(ctx)
}

// checkHub says where weights come from; asking for one would fetch it.
func checkHub(_ context.Context, a *cli.App) Finding {
	n := a.Settings.Node
	f := Finding{Check: "weights", State: StateOK, Text: fmt.Sprintf("cached in %s (from %s)", n.Cache, a.Settings.Source("node.cache"))}
	token, err := settings.Secret(n.HubToken)
	if err != nil {
		return bad(f, err)
	}
	if token == "" {
		f.State, f.Text = StateNote, f.Text+"; no token for gated models"
		f.Next = "export HF_TOKEN=..., where the node runs"
	}
	return f
}

// badAddress is bad, with a cure: "aim doctor" is what is running.
func badAddress(a *cli.App, f Finding, key string, err error) Finding {
	f = bad(f, err)
	if a.Settings.Given(key) {
		f.Next = fmt.Sprintf("correct %s, or leave it out and run aim up", a.Settings.Source(key))
	}
	return f
}

// bad puts an error and its next command into a finding.
func bad(f Finding, err error) Finding {
	f.State, f.Text, f.Next = StateBad, err.Error(), cli.NextOf(err)
	return f
}
