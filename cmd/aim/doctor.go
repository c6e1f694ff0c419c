package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/runtime/docker"
	"github.com/aim-engine/aim/workflows"
)

type doctorOptions struct{}

func newDoctor(a *app) *cobra.Command {
	var o doctorOptions
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that AIM Engine needs, one line each",
		Long: `Doctor checks settings, Temporal, NATS, control, nodes, GPUs and Docker, and says
for everything that is not well what to do. It changes nothing. The exit code is
1 when something that is needed is missing.`,
		Example: "  aim doctor -o jsonl",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
}

// finding is one line of `aim doctor`.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, note (may well be meant so), bad
	Text  string `json:"text"`
	Next  string `json:"next,omitempty"`
}

// States of a finding.
const (
	stateOK   = "ok"
	stateNote = "note"
	stateBad  = "bad"
)

func (o doctorOptions) run(ctx context.Context, a *app) error {
	var all []finding
	for _, check := range []func(context.Context, *app) finding{
		checkState, checkTemporal, checkControl, checkNATS, checkNodes, checkGPUs, checkDocker, checkHub,
	} {
		f := check(ctx, a)
		all = append(all, f)
		if !a.programs() {
			printFinding(a.out, f)
		}
	}
	if a.programs() {
		if err := display.List(a.out, a.format, all); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(all, func(f finding) bool { return f.State == stateBad }) {
		return quiet(exitFailed)
	}
	return nil
}

func printFinding(o *display.Output, f finding) {
	marks := map[string]string{stateOK: o.Good("ok  "), stateNote: o.Warn("note"), stateBad: o.Bad("bad ")}
	o.Printf("%s  %-9s %s\n", marks[f.State], f.Check, f.Text)
	if f.Next != "" {
		o.Printf("                next: %s\n", f.Next)
	}
}

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

func checkTemporal(ctx context.Context, a *app) finding {
	t := a.settings.Temporal
	f := finding{Check: "Temporal", State: stateOK, Text: fmt.Sprintf("%s, namespace %s (from %s)", t.Address, t.Namespace, a.settings.Source("temporal.address"))}
	c, err := a.temporal(ctx)
	if err != nil {
		return bad(f, err)
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

func checkNATS(ctx context.Context, a *app) finding {
	f := finding{Check: "NATS", State: stateOK, Text: fmt.Sprintf("%s (from %s)", a.settings.NATS.URL, a.settings.Source("nats.url"))}
	if _, err := a.nats(ctx); err != nil {
		return bad(f, err)
	}
	return f
}

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

// bad puts an error and its next command into a finding.
func bad(f finding, err error) finding {
	f.State, f.Text, f.Next = stateBad, err.Error(), nextOf(err)
	return f
}
