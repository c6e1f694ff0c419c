package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// ready tells whether the member serves what it is to run.
func (m *member) ready() bool {
	return m.Status.Phase == aim.Ready && m.Status.Revision == m.Version && !m.Closed && m.Lost == ""
}

// active tells whether the member is one of those that are wanted, and not on its
// way in or out.
func (m *member) active() bool { return !m.Retired && m.Succeeds == nil }

// tell sends a numbered command, which is sent again to a later run unless it is
// heard.
func (d *deploymentMachine) tell(m *member, c command) {
	m.Told++
	c.UID, c.N = d.now.UID, m.Told
	m.Unheard = &c
	d.out = append(d.out, order{ordinal: m.Ordinal, run: m.Run, c: c})
}

// attach asks the members for a report whose end this run does not see: those of
// earlier runs. What they have not heard is said again.
func (d *deploymentMachine) attach() {
	if !d.unseen() || d.at.now.Before(d.now.AttachAt) {
		return
	}
	d.now.AttachAt = d.at.now.Add(attachEvery)
	for _, m := range d.now.Members {
		if m.Closed || m.Followed || m.Starting {
			continue
		}
		c := command{UID: d.now.UID, Verb: verbAttach}
		if m.Unheard != nil {
			c = *m.Unheard
		}
		d.out = append(d.out, order{ordinal: m.Ordinal, run: m.Run, c: c})
	}
}

// unseen tells whether there are members whose end this run would not see.
func (d *deploymentMachine) unseen() bool {
	return slices.ContainsFunc(d.now.Members, func(m *member) bool { return !m.Closed && !m.Followed && !m.Starting })
}

// start starts the workflows of the members that are wanted and have none, in
// steps that Temporal can take.
func (d *deploymentMachine) start() {
	under := 0
	for _, m := range d.now.Members {
		if m.Starting {
			under++
		}
	}
	for _, m := range d.now.Members {
		if under == startsAtOnce {
			return
		}
		if m.Closed && !m.Retired && !d.at.now.Before(m.NotBefore) && m.Status.Phase != aim.Failed {
			d.startMember(m)
			under++
		}
	}
}

func (d *deploymentMachine) startMember(m *member) {
	v := d.version(m.Version)
	m.Version = v.Number
	m.Closed, m.Stopping, m.Run, m.Seq, m.Unheard = false, false, "", 0, nil
	m.Lost, m.Since, m.Proved, m.Broke, m.Followed, m.Starting = "", time.Time{}, false, nil, false, true
	attempts := max(m.Status.Attempt, d.now.Attempts[m.Ordinal])
	m.Status = firstStatus(m.Ordinal, v)
	m.Status.Attempt = attempts
	in := ReplicaInput{Name: d.now.Spec.Name, UID: d.now.UID, Ordinal: m.Ordinal, wish: wish{Revision: v.Number}, Attempts: attempts}
	if len(d.now.Members) <= inlined {
		in.Spec, in.Ladder = v.Spec, v.Ladder
	}
	if m.Succeeds != nil {
		in.Succeeds, in.Avoid, in.To = m.Succeeds.Cause, m.Succeeds.Avoid, m.Succeeds.To
	}
	d.out = append(d.out, startChild{in: in})
}

func firstStatus(ordinal int, v *version) aim.ReplicaStatus {
	return aim.ReplicaStatus{Ordinal: ordinal, Phase: aim.Pending, Revision: v.Number, Rungs: len(v.Ladder.Rungs), Tries: []aim.Try{}}
}

// began takes the start of a replica's workflow. One of an earlier deployment of
// this name may stand in the way and is told to end; one of ours, as a reset leaves
// it, reports and is kept.
func (d *deploymentMachine) began(e childBegan) {
	m := d.find(e.ordinal)
	if m == nil || !m.Starting {
		return
	}
	m.Starting = false
	switch {
	case e.taken:
		m.AdoptBy = d.at.now.Add(adoptWithin)
		d.out = append(d.out, order{ordinal: m.Ordinal, run: m.Run,
			c: command{UID: d.now.UID, Verb: verbEvict, Why: "another deployment has its name"}})
	case e.failed:
		d.closed(m)
	default:
		m.Run, m.Followed = e.run, true
	}
}

// adopted gives up on workflows that have not said that they are ours.
func (d *deploymentMachine) adopted() {
	for _, m := range d.now.Members {
		if m.AdoptBy.IsZero() || m.Run == "" && d.at.now.Before(m.AdoptBy) {
			continue
		}
		m.AdoptBy = time.Time{}
		if m.Run == "" {
			d.closed(m)
		}
	}
}

// closed notes that a replica's workflow has ended. One that nobody asked to end
// is started again, after a pause that grows.
func (d *deploymentMachine) closed(m *member) {
	if m.Closed {
		return
	}
	m.Closed, m.Starting, m.Since, m.Lost, m.Unheard = true, false, time.Time{}, "", nil
	if m.Stopping || m.Status.Phase == aim.Failed {
		return
	}
	m.Losses++
	m.NotBefore = d.at.now.Add(pause(m.Losses))
	if !m.Status.Phase.Final() {
		m.Status.Enter(aim.Pending, "its workflow ended unasked; starting another", d.at.now)
		m.Status.Endpoint = ""
	}
}

// take keeps a report that is ours and newer than the last. A report may come
// before the start of its workflow is known.
func (d *deploymentMachine) take(r report) {
	m := d.find(r.Status.Ordinal)
	if r.UID != d.now.UID || m == nil {
		return
	}
	if m.Run == "" {
		m.Run = r.Run
	}
	if r.Run != m.Run || r.Seq <= m.Seq || m.Closed {
		return
	}
	m.Seq, m.Status, m.Lost = r.Seq, fit(r.Status, share(len(d.now.Members))), clip(r.Lost, maxText)
	d.hear(m, r.Heard)
	if r.Back != nil && r.Back.Version == m.Version && r.Status.Revision != m.Version && m.Unheard == nil {
		m.Broke = bounded(r.Back.Failure) // it runs what it ran before
		m.Version = r.Status.Revision
	}
	if r.Status.Revision < m.Version && !r.Status.Phase.Final() && m.Unheard != nil {
		m.Status.Enter(aim.Stopping, "restarting", d.at.now) // it does not know yet
	}
	d.noteReady(m, r.Held)
	if r.Status.Phase.Final() {
		d.closed(m)
	}
}

// hear notes which command the replica has taken. One that has heard of later ones
// than we know of (we were reset) is told again under a number that it will hear.
func (d *deploymentMachine) hear(m *member, heard int) {
	switch c := m.Unheard; {
	case heard > m.Told:
		m.Told = heard
		if c != nil {
			d.tell(m, *c)
		}
	case c != nil && heard >= c.N:
		m.Unheard = nil
	}
}

// noteReady keeps since when the member has been ready. One that is not any more,
// before its version is known to work, tells against the version; that its node is
// not heard does not.
func (d *deploymentMachine) noteReady(m *member, held bool) {
	ready := m.ready()
	switch {
	case ready && m.Since.IsZero():
		m.Since, m.Losses = d.at.now, 0
		if !d.everReady() {
			d.now.Good = m.Version
		}
	case !ready && !m.Since.IsZero() && !held:
		m.Since = time.Time{}
		if d.now.Change != nil && m.Version == d.now.Target && !m.Proved && m.Lost == "" && m.Unheard == nil && !m.Stopping {
			m.Broke = bounded(lastFailure(m.Status))
		}
	}
	m.Proved = m.Proved || ready && m.Version == d.now.Good // that is known of the version
}

// retire tells those to stop that are not wanted. Those that hold no GPU come
// before the others: stopped last, they would be given the GPUs that the others
// free, and start a server for nothing.
func (d *deploymentMachine) retire() {
	for _, m := range emptyFirst(d.now.Members) {
		if !m.Retired || m.Closed || m.Stopping || m.Starting { // what does not run yet hears nothing
			continue
		}
		m.Stopping = true
		why := d.now.Stop
		if d.now.Failed != nil {
			why = "giving up: " + d.now.Failed.Error()
		}
		d.tell(m, command{Verb: verbStop, Why: orElse(why, orElse(m.Why, "not wanted any more"))})
	}
}

func emptyFirst(members []*member) []*member {
	return slices.SortedStableFunc(slices.Values(members), func(a, b *member) int {
		return min(len(a.Status.Node), 1) - min(len(b.Status.Node), 1)
	})
}

// count makes as many replicas wanted as are: the lowest free ordinals come first,
// and those go first that are missed least.
func (d *deploymentMachine) count() {
	wanted := d.now.Spec.Defaulted().Replicas
	var active []*member
	for _, m := range d.now.Members {
		if m.active() {
			active = append(active, m)
		}
	}
	slices.SortStableFunc(active, func(a, b *member) int {
		return cmp.Or(d.worth(b)-d.worth(a), a.Ordinal-b.Ordinal)
	})
	for _, m := range active[min(wanted, len(active)):] {
		m.Retired, m.Why = true, fmt.Sprintf("%d replicas are wanted", wanted)
	}
	for n := len(active); n < wanted; n++ {
		d.enlist(d.dependable())
	}
}

// worth orders members by how much they would be missed: those that serve and run
// what is known to work most, those that have failed least.
func (d *deploymentMachine) worth(m *member) int {
	switch {
	case m.Closed && m.Status.Phase == aim.Failed:
		return 0
	case m.Broke != nil:
		return 1
	case !m.ready():
		return 2
	case d.now.Change != nil && m.Version == d.now.Target && !m.Proved:
		return 3
	}
	return 4
}

// dependable is the version that a further replica is given: an unproved one only
// where there is no other.
func (d *deploymentMachine) dependable() int {
	if c := d.now.Change; c != nil && !c.Proved {
		return d.now.Good
	}
	return d.now.Target
}

// enlist adds a member under the lowest free ordinal. Its workflow is started later.
func (d *deploymentMachine) enlist(version int) *member {
	at := 0
	for at < len(d.now.Members) && d.now.Members[at].Ordinal == at {
		at++
	}
	m := &member{Ordinal: at, Version: version, Closed: true, Status: firstStatus(at, d.version(version))}
	d.now.Members = slices.Insert(d.now.Members, at, m)
	return m
}
