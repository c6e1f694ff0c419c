package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// setPhase moves the replica to a phase and tells the Deployment.
func (m *replicaMachine) setPhase(phase aim.Phase, reason string) {
	m.enter(phase, reason)
	m.report()
}

func (m *replicaMachine) enter(phase aim.Phase, reason string) {
	m.now.Status.Enter(phase, clip(reason, maxText), m.at.now)
}

// report tells the Deployment how the replica is.
func (m *replicaMachine) report() {
	if !m.over() {
		m.out = append(m.out, tell{r: m.nextReport()})
	}
}

func (m *replicaMachine) nextReport() report {
	m.now.Seq++
	s := m.now.Status // of this moment: what is written into later is copied
	s.Steps, s.Tries = slices.Clone(s.Steps), slices.Clone(s.Tries)
	return report{
		UID: m.in.UID, Run: m.run, Seq: m.now.Seq, Heard: m.now.Heard,
		Lost: m.now.Lost, Held: m.now.Held != "", Back: m.now.Returned, Status: fit(s, maxStatus),
	}
}

// stepOf names the step of an attempt that an activity is.
var stepOf = map[string]string{
	activities.AwaitTurn: "place", activities.Claim: "claim", activities.PullImage: "pull", activities.FetchModel: "fetch",
	activities.Start: "start", activities.AwaitReady: "prove", activities.Release: "stop",
}

// beginStep notes the start of a step. One that is repeated takes the place of the
// last: a node may be away for a month.
func (m *replicaMachine) beginStep(name string) {
	step := aim.Step{Name: name, Started: m.at.now.UTC().Format(time.RFC3339Nano)}
	steps := slices.Clone(m.now.Status.Steps)
	if n := len(steps); n > 0 && steps[n-1].Name == name || n == maxSteps {
		steps = steps[:n-1]
	}
	m.now.Status.Steps = append(steps, step)
}

// noteStep notes the end of the step that an activity was.
func (m *replicaMachine) noteStep(activity string, f *aim.Failure) {
	name, ok := stepOf[activity]
	switch activity {
	case activities.Place:
		name, ok = "place", true
	case activities.Stop:
		name, ok = "stop", true
	}
	if !ok {
		return
	}
	steps := slices.Clone(m.now.Status.Steps)
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Name != name {
			continue
		}
		started, _ := time.Parse(time.RFC3339Nano, steps[i].Started) // written by beginStep
		steps[i].Millis, steps[i].Outcome = max(m.at.now.Sub(started).Milliseconds(), 1), "done"
		if f != nil {
			steps[i].Outcome = string(f.Class)
		}
		break
	}
	m.now.Status.Steps = steps
}

// replicaCard is the status card of the Temporal UI, in Markdown.
func replicaCard(in ReplicaInput, w wish, s aim.ReplicaStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s/%d** of %s: **%s**", in.Name, s.Ordinal, w.Spec.Model, s.Phase)
	if s.Reason != "" {
		fmt.Fprintf(&b, " - %s", s.Reason)
	}
	fmt.Fprintf(&b, "\n\nattempt %d, rung %d of %d, recipe %s", s.Attempt, s.Rung, s.Rungs, s.Recipe)
	if s.Node != "" {
		fmt.Fprintf(&b, "\n\non %s: %s", s.Node, strings.Join(s.GPUs, " "))
	}
	if s.Endpoint != "" {
		fmt.Fprintf(&b, "\n\nendpoint %s", s.Endpoint)
	}
	for _, t := range s.Tries {
		fmt.Fprintf(&b, "\n\n- attempt %d, rung %d on %s: %s (%s) - %s", t.Attempt, t.Rung, orElse(t.Node, "no node"), t.Why, t.Class, t.Next)
	}
	return b.String()
}
