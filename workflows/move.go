package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
)

// moving is a replica on its way to another node: a second one, its relief, is
// started there and proved before the first one stops. A deployment moves one
// replica at a time.
type moving struct {
	Ordinal int    `json:"ordinal"`
	Relief  int    `json:"relief"` // its ordinal
	Why     string `json:"why"`
}

// relieves tells whether the member is the relief of the move at hand.
func (s deploymentState) relieves(m *member) bool {
	return s.Move != nil && s.Move.Relief == m.Status.Ordinal
}

// checkMove refuses what would take away more than the deployment can spare, or
// what was meant for a place that the replica has left.
func (d *deployment) checkMove(_ workflow.Context, r MoveRequest) error {
	if err := d.checkOpen(); err != nil {
		return err
	}
	conflict := func(format string, args ...any) error {
		return failed(aim.Failf(aim.ClassConflict, format, args...).WithHint("aim status %s", d.now.Spec.Name))
	}
	if r.Ordinal < 0 || r.Ordinal >= len(d.now.Replicas) || d.now.Replicas[r.Ordinal].Retired {
		return failed(aim.Failf(aim.ClassInput, "deployment %q has no replica %d", d.now.Spec.Name, r.Ordinal).WithHint("aim status %s", d.now.Spec.Name))
	}
	m, name := d.now.Replicas[r.Ordinal], fmt.Sprintf("replica %s/%d", d.now.Spec.Name, r.Ordinal)
	switch {
	case d.now.Move != nil:
		return conflict("replica %s/%d is being moved; one moves at a time", d.now.Spec.Name, d.now.Move.Ordinal)
	case d.apply != nil || d.choosing || m.Generation != d.now.Generation:
		return conflict("%s is being changed; it is placed afresh by that", name)
	case m.Status.Phase != aim.Ready || m.Stopping:
		return conflict("%s is %s; only a ready one is moved", name, m.Status.Phase)
	case r.Off != "" && r.Off != m.Status.Node:
		return conflict("%s is on %s, not on %s", name, m.Status.Node, r.Off)
	case r.Evict && d.ready() <= d.now.Spec.MinAvailable:
		return conflict("%d replicas of %s are ready, and its min_available is %d", d.ready(), d.now.Spec.Name, d.now.Spec.MinAvailable)
	}
	return nil
}

// ready counts the replicas that answer.
func (d *deployment) ready() int {
	n := 0
	for _, m := range d.now.Replicas {
		if m.Status.Phase == aim.Ready && !m.Closed && !m.Retired {
			n++
		}
	}
	return n
}

// onMove starts a move. An evicted replica has nobody to relieve it: it stops,
// and looks for another place behind those who come before it.
func (d *deployment) onMove(ctx workflow.Context, r MoveRequest) (Applied, error) {
	m := d.now.Replicas[r.Ordinal]
	why := orElse(r.Why, "moved on request")
	avoid := map[string]string{m.Status.Node: fmt.Sprintf("replica %d left it: %s", r.Ordinal, why)}
	if r.Evict {
		d.restart(ctx, m, why, avoid)
		return d.applied(true), nil
	}
	relief := d.enlist(func(m *member) bool { return m.Retired && m.Closed })
	relief.Run, relief.Avoid = "", avoid
	relief.Status.Phase, relief.Status.Reason = aim.Pending, ""
	d.now.Move = &moving{Ordinal: r.Ordinal, Relief: relief.Status.Ordinal, Why: why}
	d.wake = true
	return d.applied(true), nil
}

// moveOn takes the move at hand one step further: the replica retires when its
// relief is ready, the relief when it could not become so or is not needed.
func (d *deployment) moveOn() {
	v := d.now.Move
	if v == nil {
		return
	}
	old, relief := d.now.Replicas[v.Ordinal], d.now.Replicas[v.Relief]
	switch {
	case old.Retired || old.Generation != d.now.Generation:
		relief.Retired, relief.Why = true, "its move is not needed any more"
	case relief.Status.Phase == aim.Ready:
		old.Retired, old.Why = true, v.Why
	case relief.Closed && relief.Run != "":
		relief.Retired = true
		d.now.Note = fmt.Sprintf("replica %d was not moved: %s", v.Ordinal, relief.Status.Reason)
	default:
		return
	}
	d.now.Move, relief.Avoid = nil, nil
}
