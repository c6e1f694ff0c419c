package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
)

// status is the answer to the status query.
func (d *deployment) status() aim.Status {
	phase, reason := summarize(d.now, d.stop)
	if phase == aim.Ready && (d.apply != nil || d.choosing) {
		phase, reason = aim.Pending, fmt.Sprintf("taking up revision %d", d.now.Revision)
	}
	s := aim.Status{
		Name: d.now.Spec.Name, UID: d.now.UID, Revision: d.now.Revision, Model: d.now.Spec.Model,
		Phase: phase, Reason: reason, Wanted: d.now.Spec.Defaulted().Replicas, Spec: d.now.Spec,
		Replicas: []aim.ReplicaStatus{}, Rejected: d.now.Ladder.Rejected, NotTaken: d.now.NotTaken,
	}
	for _, m := range d.now.Replicas {
		if !m.Retired || !m.Closed { // what is gone and not wanted has nothing to tell
			s.Replicas = append(s.Replicas, m.Status)
		}
	}
	return s
}

// summarize says in one phase and one sentence how a deployment is.
func summarize(s deploymentState, stop string) (aim.Phase, string) {
	open, ready := 0, 0
	behind := -1 // the replica that is furthest from ready
	for i, m := range s.Replicas {
		if !m.Closed {
			open++
		}
		if m.Retired || s.relieves(m) {
			continue // beyond what is wanted
		}
		if m.Status.Phase == aim.Ready && !m.Closed {
			ready++
		} else if behind < 0 || rank(m.Status.Phase) < rank(s.Replicas[behind].Status.Phase) {
			behind = i
		}
	}
	wanted := s.Spec.Defaulted().Replicas
	switch {
	case (stop != "" || s.Failed != nil) && open > 0:
		return aim.Stopping, orElse(stop, "giving up")
	case s.Failed != nil:
		return aim.Failed, s.Failed.Text()
	case stop != "":
		return aim.Stopped, join(stop, unconfirmed(s.Replicas))
	case len(s.Replicas) == 0:
		return aim.Pending, "choosing a recipe"
	case behind < 0 && ready >= wanted:
		return aim.Ready, join(moves(s.Move), s.note())
	}
	reason := reasonOf(s.Replicas, behind, ready, wanted)
	if s.EverReady || ready > 0 {
		return aim.Degraded, join(reason, s.note())
	}
	if s.Replicas[behind].Status.Phase == aim.Failed {
		return aim.Degraded, join(reason, s.note())
	}
	return s.Replicas[behind].Status.Phase, join(reason, s.note())
}

// note tells of the last command what the replicas do not show.
func (s deploymentState) note() string {
	if s.NotTaken != nil {
		return "the last change was not taken up: " + s.NotTaken.Text()
	}
	return s.Note
}

// moves tells of the move at hand.
func moves(m *moving) string {
	if m == nil {
		return ""
	}
	return fmt.Sprintf("replica %d moves, and replica %d takes its place: %s", m.Ordinal, m.Relief, m.Why)
}

func reasonOf(members []*member, behind, ready, wanted int) string {
	if behind < 0 {
		return fmt.Sprintf("%d of %d replicas ready", ready, wanted)
	}
	m := members[behind].Status
	if wanted == 1 && len(members) == 1 {
		return m.Reason
	}
	text := orElse(m.Reason, strings.ToLower(string(m.Phase)))
	return fmt.Sprintf("%d of %d replicas ready; replica %d: %s", ready, wanted, m.Ordinal, text)
}

// unconfirmed tells which servers could not be seen to end.
func unconfirmed(members []*member) string {
	var parts []string
	for _, m := range members {
		if strings.Contains(m.Status.Reason, "unconfirmed") {
			parts = append(parts, m.Status.Reason)
		}
	}
	return strings.Join(parts, "; ")
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// rank orders phases by how far they are on the way to ready.
func rank(p aim.Phase) int { return slices.Index(aim.Phases(), p) }

// show puts the phase where the Temporal UI and its lists find it.
func (d *deployment) show(ctx workflow.Context) {
	s := d.status()
	workflow.SetCurrentDetails(ctx, deploymentCard(s))
	if s.Phase == d.now.Phase {
		return
	}
	if d.now.Phase == aim.Pending {
		_ = workflow.UpsertTypedSearchAttributes(ctx, AttrModel.ValueSet(s.Model), AttrDeployment.ValueSet(s.Name))
	}
	d.now.Phase = s.Phase
	_ = workflow.UpsertTypedSearchAttributes(ctx, AttrPhase.ValueSet(string(s.Phase)))
}

// deploymentCard is the status card of the Temporal UI, in Markdown.
func deploymentCard(s aim.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** (%s): **%s**", s.Name, s.Model, s.Phase)
	if s.Reason != "" {
		fmt.Fprintf(&b, " - %s", s.Reason)
	}
	for _, r := range s.Replicas {
		fmt.Fprintf(&b, "\n\n- replica %d: %s", r.Ordinal, r.Phase)
		if r.Node != "" {
			fmt.Fprintf(&b, " on %s", r.Node)
		}
		if r.Endpoint != "" {
			fmt.Fprintf(&b, ", %s", r.Endpoint)
		}
		if r.Reason != "" {
			fmt.Fprintf(&b, " - %s", r.Reason)
		}
	}
	return b.String()
}
