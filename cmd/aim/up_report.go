package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
)

// fleetWithin is how long the first snapshots of nodes that are ready may take.
const fleetWithin = 5 * time.Second

// tell says that all is up, where it is, and what to do next.
func (s *stack) tell(ctx context.Context) error {
	s.app.hint("up after %s", display.Elapsed(s.app.now().Sub(s.starting)))
	if err := s.app.tellStack(ctx, s.state); err != nil {
		return err
	}
	return nil
}

// tellStack prints a running stack.
func (a *app) tellStack(ctx context.Context, s config.Stack) error {
	if a.programs() {
		return display.Data(a.out, a.format, s)
	}
	a.useStack(s)
	fleet, err := a.awaitNodes(ctx, s.Nodes)
	var text display.Sections
	if s.Simulate != "" {
		text.Add("SIMULATED", a.out.Warn(s.Simulate)+": the GPUs and the model servers are stand-ins (aim up --simulate none goes back to this machine's own)")
	}
	text.Add("Temporal UI", s.UIAddress)
	text.Add("Temporal", fmt.Sprintf("%s, namespace %s", s.TemporalAddress, s.Namespace))
	text.Add("NATS", s.NATSURL)
	text.Add("GPUs", describeGPUs(fleet, err))
	text.Add("state", a.settings.Dir)
	text.Print(a.out)
	if err == nil && !hasGPUs(fleet) {
		a.hint("next: aim doctor")
		return nil
	}
	a.hint("next: aim deploy Qwen/Qwen3-32B")
	return nil
}

func hasGPUs(fleet aim.Fleet) bool {
	return slices.ContainsFunc(fleet.Nodes, func(n aim.FleetNode) bool { return len(n.GPUs) > 0 })
}

// useStack makes the app talk to this stack, whose addresses may be new.
func (a *app) useStack(s config.Stack) {
	a.settings.Temporal.Address, a.settings.Temporal.Namespace = s.TemporalAddress, s.Namespace
	a.settings.NATS.URL = s.NATSURL
}

// awaitNodes asks until every node of the stack has answered.
func (a *app) awaitNodes(ctx context.Context, nodes []config.StackNode) (aim.Fleet, error) {
	ctx, cancel := context.WithTimeout(ctx, fleetWithin)
	defer cancel()
	for {
		answer, err := a.askFleet(ctx)
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
		fmt.Fprintf(&b, "%s on %s, %d free\n", strings.Join(countTypes(n.GPUs), ", "), n.ID, free)
		for _, o := range others {
			b.WriteString("  " + o + "\n")
		}
	}
	return b.String()
}

// countTypes counts GPUs by type: "8 MI300X".
func countTypes(gpus []aim.GPU) []string {
	counts := map[string]int{}
	var order []string
	for _, g := range gpus {
		name := g.Type
		if name == "" {
			name = "GPU"
		}
		if counts[name] == 0 {
			order = append(order, name)
		}
		counts[name]++
	}
	for i, name := range order {
		order[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return order
}
