package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// status is the answer to the status query.
func (d *deploymentMachine) status() aim.Status {
	phase, reason := d.phase()
	s := aim.Status{
		Name: d.now.Spec.Name, UID: d.now.UID, Revision: d.now.Revision, Model: d.now.Spec.Model,
		Phase: phase, Reason: clip(reason, 4*maxText), Wanted: d.now.Spec.Defaulted().Replicas, Spec: d.now.Spec,
		Replicas: []aim.ReplicaStatus{}, NotTaken: d.now.NotTaken,
	}
	if phase == d.now.Entered.Phase {
		s.Since = d.now.Entered.At
	}
	if v := d.version(d.now.Target); v != nil {
		s.Rejected = v.Ladder.Rejected
	}
	for _, m := range d.now.Members {
		s.Replicas = append(s.Replicas, m.Status)
	}
	return s
}

// phase is the summary, but for a change that was accepted and is not taken up yet.
func (d *deploymentMachine) phase() (aim.Phase, string) {
	phase, reason := d.summary()
	if phase == aim.Ready && (d.now.Apply != nil || d.now.Choosing != nil) {
		return aim.Pending, fmt.Sprintf("taking up revision %d", d.now.Revision)
	}
	return phase, reason
}

// summary says in one phase and one sentence how the deployment is.
func (d *deploymentMachine) summary() (aim.Phase, string) {
	open, ready, gone := 0, 0, 0
	var behind *member // the replica that is furthest from ready
	for _, m := range d.now.Members {
		if !m.Closed {
			open++
		}
		switch {
		case !m.active(): // beyond what is wanted
		case m.ready():
			ready++
		default:
			if m.Closed && m.Status.Phase == aim.Failed {
				gone++
			}
			if behind == nil || rank(m.Status.Phase) < rank(behind.Status.Phase) {
				behind = m
			}
		}
	}
	wanted := d.now.Spec.Defaulted().Replicas
	switch {
	case d.ending() && open > 0:
		return aim.Stopping, orElse(d.now.Stop, "giving up")
	case d.now.Failed != nil:
		return aim.Failed, d.now.Failed.Text()
	case d.now.Stop != "":
		return aim.Stopped, join(d.now.Stop, unconfirmed(d.now.Members))
	case len(d.now.Members) == 0:
		return aim.Pending, "choosing a recipe"
	case behind == nil && ready >= wanted:
		return d.readySummary()
	}
	reason := join(join(d.reasonOf(behind, ready, wanted), d.successions()), d.note())
	switch {
	case gone >= wanted && d.everReady():
		return aim.Failed, reason
	case d.everReady() || behind == nil || behind.Status.Phase == aim.Failed:
		return aim.Degraded, reason
	}
	return behind.Status.Phase, reason
}

// readySummary: all that are wanted serve. While they are brought to another
// version, that is not the whole story.
func (d *deploymentMachine) readySummary() (aim.Phase, string) {
	reason := join(d.successions(), d.note())
	if d.now.Change != nil {
		done := 0
		for _, m := range d.now.Members {
			if m.active() && m.Version == d.now.Target && m.Proved {
				done++
			}
		}
		text := fmt.Sprintf("a change is on its way: %d of %d replicas are through", done, d.now.Spec.Defaulted().Replicas)
		if d.now.NoRoom != "" {
			text = join(text, "there is no room for a new server beside the old: "+d.now.NoRoom)
		}
		return aim.Pending, join(text, reason)
	}
	return aim.Ready, reason
}

// note tells of the last command what the replicas do not show.
func (d *deploymentMachine) note() string {
	if d.now.NotTaken != nil {
		return "the last change was not taken up: " + d.now.NotTaken.Text()
	}
	return d.now.Note
}

// successions tells who is to take whose place, the first few of them.
func (d *deploymentMachine) successions() string {
	var parts []string
	for _, m := range d.now.Members {
		if s := m.Succeeds; s != nil && !m.Retired && s.Cause != causeChange && len(parts) < 3 {
			parts = append(parts, fmt.Sprintf("replica %d takes the place of replica %d: %s", m.Ordinal, s.Ordinal, s.Why))
		}
	}
	return strings.Join(parts, "; ")
}

func (d *deploymentMachine) reasonOf(behind *member, ready, wanted int) string {
	if behind == nil {
		return fmt.Sprintf("%d of %d replicas ready", ready, wanted)
	}
	s := behind.Status
	text := orElse(s.Reason, strings.ToLower(string(s.Phase)))
	if wanted == 1 && len(d.now.Members) == 1 {
		return s.Reason
	}
	return fmt.Sprintf("%d of %d replicas ready; replica %d: %s", ready, wanted, s.Ordinal, text)
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
