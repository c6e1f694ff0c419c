package up

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/gpu"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
)

// fleetWithin is how long the first snapshots of nodes that are ready may take.
const fleetWithin = 5 * time.Second

// tell says that all is up, where it is, and what to do next.
func (s *stack) tell(ctx context.Context) error {
	s.app.Hint("up after %s", display.Elapsed(s.app.Now().Sub(s.starting)))
	if err := tellStack(ctx, s.app, s.state); err != nil {
		return err
	}
	return nil
}

// tellStack prints a running stack.
func tellStack(ctx context.Context, a *cli.App, s config.Stack) error {
	if a.Programs() {
		return display.Data(a.Out, a.Format, s)
	}
	useStack(a, s)
	fleet, err := awaitNodes(ctx, a, s.Nodes)
	var text display.Sections
	if s.Simulate != "" {
		text.Add("SIMULATED", a.Out.Warn(s.Simulate)+": the GPUs and the model servers are stand-ins (aim up --simulate none goes back to this machine's own)")
	}
	text.Add("Temporal UI", s.UIAddress)
	text.Add("Temporal", fmt.Sprintf("%s, namespace %s", s.TemporalAddress, s.Namespace))
	text.Add("NATS", s.NATSURL)
	text.Add("gateway", s.GatewayURL+"/v1, OpenAI's API for all models")
	text.Add("GPUs", describeGPUs(fleet, err))
	text.Add("state", a.Settings.Dir)
	text.Print(a.Out)
	if err == nil && !hasGPUs(fleet) {
		a.Hint("next: aim doctor")
		return nil
	}
	a.Hint("export OPENAI_BASE_URL=%s/v1 OPENAI_API_KEY=%s", s.GatewayURL, placeholderKey(ctx, a, s))
	a.Hint("next: aim deploy Qwen/Qwen3-32B")
	return nil
}

// placeholderKey is for clients that want a key where the gateway asks for none,
// the same at each start; once there are keys, one of them is needed.
func placeholderKey(ctx context.Context, a *cli.App, s config.Stack) string {
	a.Settings.Admin.URL = s.AdminURL
	if c, err := a.Admin(); err == nil {
		if keys, err := c.Keys(ctx); err == nil && len(keys) > 0 {
			return "KEY # of aim key create"
		}
	}
	return "aim-local"
}

func hasGPUs(fleet aim.Fleet) bool {
	return slices.ContainsFunc(fleet.Nodes, func(n aim.FleetNode) bool { return len(n.GPUs) > 0 })
}

// useStack makes the app talk to this stack, whose addresses may be new.
func useStack(a *cli.App, s config.Stack) {
	a.Settings.Temporal.Address, a.Settings.Temporal.Namespace = s.TemporalAddress, s.Namespace
	a.Settings.NATS.URL = s.NATSURL
}

// awaitNodes asks until every node of the stack has answered.
func awaitNodes(ctx context.Context, a *cli.App, nodes []config.StackNode) (aim.Fleet, error) {
	ctx, cancel := context.WithTimeout(ctx, fleetWithin)
	defer cancel()
	for {
		answer, err := a.AskFleet(ctx)
		if err == nil && hasAll(answer.Fleet, nodes) {
			return answer.Fleet, nil
		}
		select {
		case <-ctx.Done():
			return answer.Fleet, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// hasAll tells whether every node has been heard of.
func hasAll(fleet aim.Fleet, nodes []config.StackNode) bool {
	for _, n := range nodes {
		if _, ok := fleet.Find(n.ID); !ok {
			return false
		}
	}
	return true
}

// describeGPUs counts the GPUs, and says of each that is not free why not; of a
// node without GPUs why it has none.
func describeGPUs(fleet aim.Fleet, err error) string {
	if err != nil {
		return "unknown: " + err.Error()
	}
	var b strings.Builder
	for _, n := range fleet.Nodes {
		free := 0
		var others []string
		for _, g := range n.GPUs {
			state, why := n.StateOf(g)
			if state == aim.GPUFree {
				free++
				continue
			}
			others = append(others, fmt.Sprintf("%s (%s) is %s: %s", g.ID, g.PCI, state, why))
		}
		if len(n.GPUs) == 0 {
			fmt.Fprintf(&b, "none on %s: %s\n", n.ID, n.Reason)
			continue
		}
		fmt.Fprintf(&b, "%s on %s, %d free\n", strings.Join(gpu.CountTypes(n.GPUs), ", "), n.ID, free)
		for _, o := range others {
			b.WriteString("  " + o + "\n")
		}
	}
	return b.String()
}
