package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
)

// reconcile brings the replicas closer to what is wanted: one look, and
// commands; the rest comes back as reports.
func (d *deployment) reconcile(ctx workflow.Context) {
	if len(d.now.Ladder.Rungs) == 0 {
		return
	}
	if d.stop != "" || d.now.Failed != nil {
		d.stopMembers(ctx, func(*member) bool { return true })
		return
	}
	d.count(d.now.Spec.Defaulted().Replicas)
	d.moveOn()
	d.stopMembers(ctx, func(m *member) bool { return m.Retired })
	for ordinal, m := range d.now.Replicas {
		if !m.Retired && m.Closed && d.revives(ctx, m) {
			d.startMember(ctx, ordinal)
		}
	}
	d.trim()
	d.roll(ctx)
}

// count makes as many replicas wanted as are: the lowest ordinals come first and
// the highest go first. A replica that relieves another is beyond the number.
func (d *deployment) count(wanted int) {
	n := 0
	for _, m := range d.now.Replicas {
		if !m.Retired && !d.now.relieves(m) {
			n++
		}
	}
	for i := len(d.now.Replicas) - 1; n > wanted; i-- {
		if m := d.now.Replicas[i]; !m.Retired && !d.now.relieves(m) {
			m.Retired = true
			n--
		}
	}
	for ; n < wanted; n++ {
		d.enlist(func(m *member) bool { return m.Retired })
	}
}

// enlist takes the lowest ordinal that suits back into service, or a new one.
func (d *deployment) enlist(suits func(*member) bool) *member {
	for _, m := range d.now.Replicas {
		if suits(m) {
			m.Retired = false
			return m
		}
	}
	m := &member{Closed: true, Status: firstStatus(len(d.now.Replicas), d.now.Ladder)}
	d.now.Replicas = append(d.now.Replicas, m)
	return m
}

func firstStatus(ordinal int, l aim.Ladder) aim.ReplicaStatus {
	return aim.ReplicaStatus{Ordinal: ordinal, Phase: aim.Pending, Rungs: len(l.Rungs), Tries: []aim.Try{}}
}

// revives tells whether a closed replica is to be started: one that was lost
// is, after a pause; one that has failed only when something changed.
func (d *deployment) revives(ctx workflow.Context, m *member) bool {
	if m.Status.Phase == aim.Failed && m.Generation == d.now.Generation {
		return false
	}
	if wait := m.NotBefore.Sub(workflow.Now(ctx)); wait > 0 {
		workflow.Go(ctx, func(ctx workflow.Context) {
			_ = workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "pause before a lost replica starts again"}).Get(ctx, nil)
			d.wake = true
		})
		return false
	}
	return true
}

// trim forgets the highest replicas that are not wanted and have ended.
func (d *deployment) trim() {
	for n := len(d.now.Replicas); n > 0 && d.now.Replicas[n-1].Retired && d.now.Replicas[n-1].Closed; n-- {
		d.now.Replicas = d.now.Replicas[:n-1]
	}
}

// roll tells replicas of an older generation to restart, as long as no more
// than max_unavailable are not ready.
func (d *deployment) roll(ctx workflow.Context) {
	budget := d.now.Spec.Defaulted().MaxUnavailable
	for _, m := range d.now.Replicas {
		if m.Status.Phase != aim.Ready && m.Generation == d.now.Generation && !m.Retired {
			budget--
		}
	}
	for _, m := range d.now.Replicas {
		if m.Generation == d.now.Generation || m.Closed || m.Stopping {
			continue
		}
		if m.Status.Phase == aim.Ready {
			if budget <= 0 {
				return
			}
			budget--
		}
		d.restart(ctx, m, "", nil)
	}
}

// restart gives the replica a new attempt at what is wanted now, elsewhere than
// on the nodes to avoid if it can be.
func (d *deployment) restart(ctx workflow.Context, m *member, why string, avoid map[string]string) {
	m.Generation = d.now.Generation
	m.Status.Phase, m.Status.Reason = aim.Stopping, orElse(why, "restarting")
	d.tell(ctx, m, command{Verb: verbRestart, Update: &replicaUpdate{
		Revision: d.now.Generation, Spec: d.now.Spec, Ladder: d.now.Ladder, Why: why, Avoid: avoid}})
}

// stopMembers stops those that are to be.
func (d *deployment) stopMembers(ctx workflow.Context, which func(*member) bool) {
	for _, m := range emptyFirst(d.now.Replicas) {
		if which(m) {
			d.stopMember(ctx, m)
		}
	}
}

// emptyFirst puts those that hold no GPU before the others: stopped last, they
// would be given the GPUs that the others free, and start a server for nothing.
func emptyFirst(members []*member) []*member {
	return slices.SortedStableFunc(slices.Values(members), func(a, b *member) int {
		return min(len(a.Status.Node), 1) - min(len(b.Status.Node), 1)
	})
}

func (d *deployment) stopMember(ctx workflow.Context, m *member) {
	if m.Closed || m.Stopping {
		return
	}
	m.Stopping = true
	d.tell(ctx, m, command{Verb: verbStop, Why: orElse(d.stop, orElse(m.Why, "not wanted any more"))})
}

// pauseAfterLoss keeps a workflow that is ended again and again from being
// started in a loop.
func (m *member) pauseAfterLoss(now time.Time) {
	m.Losses++
	m.NotBefore = now.Add(pause(m.Losses))
}
