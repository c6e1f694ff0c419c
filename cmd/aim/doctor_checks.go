package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/runtime/docker"
	"github.com/aim-engine/aim/workflows"
)

// The checks of `aim doctor`, in the order of their lines.

// checkState looks at the folder of `aim up`. A stopped stack is no fault: the
// user may have another Temporal.
func checkState(_ context.Context, a *app) finding {
	f := finding{Check: "state", State: stateOK, Text: a.settings.Dir}
	s, err := config.ReadStack(a.settings.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.Text += ": aim up has not run here"
	case err != nil:
		f.State, f.Text = stateBad, err.Error()
	case stackRuns(a.settings.Dir):
		f.Text += fmt.Sprintf(": aim up runs (pid %d)", s.PID)
	default:
		f.State, f.Text, f.Next = stateNote, f.Text+": aim up is stopped", "aim up"
	}
	return f
}

// checkTemporal also looks for the search attributes: control refuses to start
// without them.
func checkTemporal(ctx context.Context, a *app) finding {
	t := a.settings.Temporal
	f := finding{Check: "Temporal", State: stateOK, Text: fmt.Sprintf("%s, namespace %s (from %s)", t.Address, t.Namespace, a.settings.Source("temporal.address"))}
	c, err := a.temporal(ctx)
	if err != nil {
		return a.badAddress(f, "temporal.address", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: t.Namespace})
	if err != nil {
		return bad(f, failed("Temporal answers, but not for namespace %q: %v", t.Namespace, shortCause(err)))
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(workflows.SearchAttributes())) {
		if _, ok := have.CustomAttributes[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return bad(f, next(failed("namespace %q lacks the search attributes %s", t.Namespace, strings.Join(missing, ", ")), "aim control run"))
	}
	return f
}

// checkControl looks whether anybody polls the queue of control.
func checkControl(ctx context.Context, a *app) finding {
	f := finding{Check: "control", State: stateOK}
	c, err := a.temporal(ctx)
	if err != nil {
		f.State, f.Text = stateNote, "not checked: Temporal does not answer"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	queue, err := c.DescribeTaskQueue(ctx, workflows.Queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return bad(f, failed("ask for the workers of queue %q: %v", workflows.Queue, shortCause(err)))
	}
	if len(queue.Pollers) == 0 {
		return bad(f, next(failed("no control process polls queue %q", workflows.Queue), "aim control run"))
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
func checkOrder(ctx context.Context, a *app) finding {
	f := finding{Check: "queue", State: stateOK}
	c, err := a.temporal(ctx)
	if err != nil {
		f.State, f.Text = stateNote, "not checked: Temporal does not answer"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	d, err := c.DescribeWorkflowExecution(ctx, workflows.SchedulerID, "")
	if err != nil {
		return bad(f, next(failed("no workflow %q keeps the waiting order: %v", workflows.SchedulerID, shortCause(err)), "aim control run"))
	}
	if status := d.GetWorkflowExecutionInfo().GetStatus(); status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return bad(f, next(failed("workflow %q, which keeps the waiting order, has ended (%s); control starts it again when it starts", workflows.SchedulerID, status), "aim control run"))
	}
	for _, p := range d.PendingActivities {
		if p.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED {
			f.Text = fmt.Sprintf("kept by %s", p.GetLastWorkerIdentity())
			return f
		}
	}
	return bad(f, next(failed("no control process keeps the waiting order"), "aim control run"))
}

// checkNATS connects; who answers there is for checkNodes.
func checkNATS(ctx context.Context, a *app) finding {
	f := finding{Check: "NATS", State: stateOK, Text: fmt.Sprintf("%s (from %s)", a.settings.NATS.URL, a.settings.Source("nats.url"))}
	if _, err := a.nats(ctx); err != nil {
		return a.badAddress(f, "nats.url", err)
	}
	return f
}

// checkNodes counts the fleet. A silent node is told, but may be switched off on
// purpose.
func checkNodes(ctx context.Context, a *app) finding {
	f := finding{Check: "nodes", State: stateOK}
	if _, err := a.nats(ctx); err != nil {
		f.State, f.Text = stateNote, "not checked: NATS does not answer"
		return f
	}
	fleet, err := a.fleet(ctx)
	if err != nil {
		return bad(f, err)
	}
	if len(fleet.Nodes) == 0 {
		return bad(f, next(failed("no node has reported"), "aim node run"))
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
		f.State, f.Text, f.Next = stateNote, f.Text+"; "+strings.Join(silent, ", "), "aim node list"
	}
	return f
}

// checkGPUs reads this machine. A control host or a laptop has no GPU, so that is
// a note with its reason.
func checkGPUs(ctx context.Context, a *app) finding {
	f := finding{Check: "GPUs", State: stateOK}
	found, err := a.detect(ctx)
	if err != nil {
		return bad(f, err)
	}
	if len(found.GPUs) == 0 {
		f.State, f.Text, f.Next = stateNote, "none on this machine: "+found.Reason, "aim up --simulate 2x8"
		return f
	}
	f.Text = strings.Join(countTypes(found.GPUs), ", ")
	if n := len(found.NotOffered); n > 0 {
		f.Text += fmt.Sprintf("; %s not offered", display.Count(n, "device is", "devices are"))
	}
	for _, g := range found.GPUs {
		if ok, why := g.Usable(); !ok {
			f.State, f.Next = stateNote, "aim gpu list"
			f.Text += fmt.Sprintf("; %s: %s", g.ID, why)
		}
	}
	return f
}

// checkDocker is a note as well: the process runtime does without.
func checkDocker(ctx context.Context, a *app) finding {
	f := finding{Check: "Docker", State: stateOK, Text: "answers"}
	if err := askDocker(ctx, a.settings.Docker.Host); err != nil {
		f.State, f.Text = stateNote, fmt.Sprintf("does not answer: %v; only servers without containers can run here", err)
	}
	return f
}

// askDocker asks the daemon. The runtime wants a folder for logs, which none
// will come to.
func askDocker(ctx context.Context, host string) error {
	dir, err := os.MkdirTemp("", "aim-doctor-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	r, err := docker.New(docker.Config{Host: host, LogDir: dir})
	if err != nil {
		return err
	}
	return r.Check(ctx)
}

// checkHub says where weights come from; asking for one would fetch it.
func checkHub(_ context.Context, a *app) finding {
	n := a.settings.Node
	f := finding{Check: "weights", State: stateOK, Text: fmt.Sprintf("cached in %s (from %s)", n.Cache, a.settings.Source("node.cache"))}
	token, err := config.Secret(n.HubToken)
	if err != nil {
		return bad(f, err)
	}
	if token == "" {
		f.State, f.Text = stateNote, f.Text+"; no token for gated models"
		f.Next = "export HF_TOKEN=..., where the node runs"
	}
	return f
}

// badAddress is bad, with a cure: "aim doctor" is what is running.
func (a *app) badAddress(f finding, key string, err error) finding {
	f = bad(f, err)
	if a.settings.Given(key) {
		f.Next = fmt.Sprintf("correct %s, or leave it out and run aim up", a.settings.Source(key))
	}
	return f
}

// bad puts an error and its next command into a finding.
func bad(f finding, err error) finding {
	f.State, f.Text, f.Next = stateBad, err.Error(), nextOf(err)
	return f
}
