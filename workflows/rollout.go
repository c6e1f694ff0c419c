package workflows

import (
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// change is a roll-out: the way from the version that is known to work to another.
//
//	one is tried ─▶ it is well for a while ─▶ the others follow ─▶ all run it: it is the good one
//	      └ fails, breaks, or the deadline passes ─▶ the good version is the target again
//
// Where there is room, the new server is well before the old one stops. Where there
// is none, the old one stops first, if the deployment can spare it, with everything
// brought before and its claim kept, and comes back when the new one fails.
type change struct {
	Deadline time.Time `json:"deadline"`         // of the whole; zero = none
	Proved   bool      `json:"proved,omitempty"` // one replica has been well for a while
}

// takeUp takes up the spec that Apply has left. What needs no other servers is done
// with; a spec that some replicas run already is no new version.
func (d *deploymentMachine) takeUp() {
	if d.now.Apply == nil || d.now.Choosing != nil || len(d.now.Versions) == 0 {
		return
	}
	spec := *d.now.Apply
	d.now.Apply = nil
	if !d.now.Spec.NeedsServers(spec) {
		d.now.Spec = spec
		return
	}
	for _, v := range d.now.Versions {
		if !v.Spec.NeedsServers(spec) && v.Number != d.now.Target {
			d.now.Spec = spec
			d.aimFor(v.Number)
			return
		}
	}
	d.choose(spec)
}

// takeLadder takes the ladder of what was to be chosen. A spec that cannot be met
// fails a new deployment, and leaves a running one as it was.
func (d *deploymentMachine) takeLadder(c chosen) {
	spec := d.now.Choosing
	if d.now.Choosing = nil; spec == nil {
		return
	}
	switch {
	case c.failure == nil:
		d.now.Spec = *spec
		d.aimFor(d.newVersion(*spec, c.ladder))
	case len(d.now.Versions) == 0:
		d.now.Failed = bounded(c.failure)
	default:
		d.now.NotTaken = bounded(c.failure)
		if d.now.Apply != nil && !d.now.Apply.NeedsServers(*spec) { // a scale that came meanwhile is of what goes on
			scaled := d.now.Spec.WithNumbers(*d.now.Apply)
			d.now.Apply = &scaled
		}
	}
}

func (d *deploymentMachine) newVersion(spec aim.DeploymentSpec, ladder aim.Ladder) int {
	d.now.Newest++
	d.now.Versions = append(d.now.Versions, &version{Number: d.now.Newest, Spec: spec, Ladder: ladder})
	return d.now.Newest
}

// aimFor makes a version the one that all are to run.
func (d *deploymentMachine) aimFor(n int) {
	d.now.Target, d.now.Change, d.now.NotTaken = n, nil, nil
	d.now.NoRoom, d.now.LookAt = "", time.Time{}
	for _, m := range d.now.Members {
		m.Broke = nil
	}
	d.beginChange()
}

// beginChange makes a roll-out of a target that is not known to work.
func (d *deploymentMachine) beginChange() {
	if d.now.Change != nil || !d.everReady() || d.now.Target == d.now.Good {
		return
	}
	d.now.Change = &change{}
	if t := time.Duration(d.now.Spec.Timeout); t > 0 {
		d.now.Change.Deadline = d.at.now.Add(t)
	}
}

// judge takes the roll-out one step further: it has come about, or has failed.
func (d *deploymentMachine) judge() {
	d.beginChange() // a change may have come before the first was ready
	c := d.now.Change
	for _, m := range d.now.Members {
		if !m.Since.IsZero() && !m.Proved && !d.at.now.Before(m.Since.Add(d.settles(m.Version))) {
			m.Proved = true
		}
	}
	if c == nil {
		return
	}
	done := true
	for _, m := range d.now.Members {
		if m.Retired {
			continue
		}
		f := m.Broke
		if m.Version == d.now.Target && m.Closed && m.Status.Phase == aim.Failed && !(m.Succeeds != nil && noRoom(m.Status)) {
			f = lastFailure(m.Status)
		}
		if f != nil {
			d.giveUpChange(f)
			return
		}
		c.Proved = c.Proved || m.Version == d.now.Target && m.Proved && m.ready()
		done = done && m.Succeeds == nil && m.Version == d.now.Target && m.Proved && m.ready()
	}
	switch {
	case done:
		if d.version(d.now.Good).Spec.NeedsServers(d.version(d.now.Target).Spec) {
			d.now.Prior = d.now.Good
		}
		d.now.Good, d.now.Change = d.now.Target, nil
		d.now.NoRoom, d.now.LookAt = "", time.Time{}
	case !c.Deadline.IsZero() && !d.at.now.Before(c.Deadline):
		_, reason := d.summary()
		d.giveUpChange(aim.Failf(aim.ClassTimeout, "the change was not ready within %s; last seen: %s", time.Duration(d.now.Spec.Timeout), reason))
	}
}

// settles is how long a replica of the version has to be ready until it counts: not
// at all where the spec is known to work, as it is in a restart.
func (d *deploymentMachine) settles(version int) time.Duration {
	v, good := d.version(version), d.version(d.now.Good)
	if d.now.Change == nil || version != d.now.Target || !v.Spec.NeedsServers(good.Spec) {
		return 0
	}
	return provedAfter
}

// giveUpChange makes the version that is known to work the target again. What
// serves serves on.
func (d *deploymentMachine) giveUpChange(f *aim.Failure) {
	good := d.version(d.now.Good)
	d.now.Spec = good.Spec.WithNumbers(d.now.Spec)
	d.aimFor(d.now.Good)
	d.now.NotTaken = bounded(f)
}

// noRoom notes that nothing can be started beside what serves. After a while it
// is looked for again, where nothing may stop first.
func (d *deploymentMachine) noRoom(why string) {
	d.now.NoRoom = clip(orElse(why, "there is no room"), maxText)
	d.now.LookAt = d.at.now.Add(roomEvery)
}

// roll brings members of other versions to the target. At most max_unavailable are
// away, whatever the reason, and min_available serve. Until one has proved itself,
// one is tried.
func (d *deploymentMachine) roll() {
	if !d.now.LookAt.IsZero() && !d.at.now.Before(d.now.LookAt) {
		d.now.NoRoom, d.now.LookAt = "", time.Time{}
	}
	c, atOnce, spare := d.now.Change, d.atOnce(), d.spare()
	told := 0
	for _, m := range d.behind() {
		down := !m.ready()
		if told == startsAtOnce || atOnce <= 0 && (c != nil || !down) {
			return
		}
		switch {
		case m.Closed:
			m.Version = d.now.Target // its next workflow runs it
			m.Status.Enter(aim.Pending, m.Status.Reason, d.at.now)
		case down:
			d.restart(m, false, nil, "")
			told++
		case d.now.NoRoom == "":
			d.replace(m, d.now.Target, succession{Cause: causeChange, Why: "another version takes its place"})
		case spare > 0:
			spare--
			d.restart(m, c != nil, nil, "")
			told++
		default:
			return // it may not stop before there is room
		}
		atOnce--
	}
}

// atOnce is how many members more may be on their way to the target.
func (d *deploymentMachine) atOnce() int {
	n := d.now.Spec.Defaulted().MaxUnavailable
	if c := d.now.Change; c != nil && !c.Proved {
		n = 1
	}
	for _, m := range d.now.Members {
		onTheWay := m.Version == d.now.Target && !m.Proved && !m.Retired
		if onTheWay && (d.now.Change != nil || m.Succeeds != nil && m.Succeeds.Cause == causeChange) {
			n--
		}
	}
	return n
}

// spare is how many of those that serve may be stopped before another is ready.
func (d *deploymentMachine) spare() int {
	spec, serving := d.now.Spec.Defaulted(), d.serving()
	return min(spec.MaxUnavailable-(spec.Replicas-serving), serving-spec.MinAvailable)
}

// behind are the members that are to be brought to the target, those that do not
// serve first.
func (d *deploymentMachine) behind() []*member {
	var all []*member
	for _, m := range d.now.Members {
		if m.Version != d.now.Target && m.active() && !m.Stopping && !m.Starting && m.Lost == "" && m.Unheard == nil && d.successorOf(m) == nil {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b *member) int { return d.worth(a) - d.worth(b) })
	return all
}

// restart gives the replica a new attempt at the target, elsewhere than on the
// nodes to avoid if it can be.
func (d *deploymentMachine) restart(m *member, trial bool, avoid map[string]string, why string) {
	v := d.version(d.now.Target)
	m.Version, m.Since, m.Proved, m.Broke = v.Number, time.Time{}, false, nil
	m.Status.Enter(aim.Stopping, orElse(why, "restarting"), d.at.now)
	d.tell(m, command{Verb: verbRestart, Update: &replicaUpdate{
		wish: wish{Revision: v.Number, Spec: v.Spec, Ladder: v.Ladder}, Why: why, Avoid: avoid, Trial: trial}})
}
