package workflows

import (
	"fmt"

	"github.com/aim-engine/aim"
)

// What a user may say to a deployment. Each check refuses before anything is
// written to the history; what has been checked cannot fail.

// applied answers a command. One that changes something ends what was noted of
// the last one.
func (d *deploymentMachine) applied(changed bool) Applied {
	if changed {
		d.now.Note, d.now.NotTaken = "", nil
	}
	return Applied{Name: d.now.Spec.Name, UID: d.now.UID, Revision: d.now.Revision, Changed: changed}
}

// wanted is the spec after the last accepted change.
func (d *deploymentMachine) wanted() aim.DeploymentSpec {
	switch {
	case d.now.Apply != nil:
		return *d.now.Apply
	case d.now.Choosing != nil:
		return *d.now.Choosing
	}
	return d.now.Spec
}

// want makes spec the wanted one.
func (d *deploymentMachine) want(spec aim.DeploymentSpec) Applied {
	spec.Name = d.now.Spec.Name
	if spec.Equal(d.wanted()) {
		return d.applied(false)
	}
	d.now.Revision++
	d.now.Apply = &spec
	return d.applied(true)
}

func (d *deploymentMachine) checkOpen() error {
	if d.ending() {
		return failed(aim.Failf(aim.ClassConflict, "deployment %q is ending; wait until it has, then apply again", d.now.Spec.Name).
			WithHint("aim status %s", d.now.Spec.Name))
	}
	return nil
}

func (d *deploymentMachine) checkApply(spec aim.DeploymentSpec) error {
	if err := d.checkOpen(); err != nil {
		return err
	}
	if err := spec.Validate(); err != nil {
		return failed(bounded(aim.FailureOf(err)))
	}
	if spec.Model != d.now.Spec.Model {
		return failed(aim.Failf(aim.ClassConflict, "name %q is taken by a deployment of %s", d.now.Spec.Name, d.now.Spec.Model).
			WithHint("choose another --name, or aim stop %s", d.now.Spec.Name))
	}
	if spec.Name != "" && spec.Name != d.now.Spec.Name {
		return failed(aim.Failf(aim.ClassInput, "name %q does not match deployment %q", spec.Name, d.now.Spec.Name))
	}
	return nil
}

func (d *deploymentMachine) apply(spec aim.DeploymentSpec) Applied {
	return d.want(spec.Over(d.wanted()))
}

func (d *deploymentMachine) checkScale(r ScaleRequest) error {
	if err := d.checkOpen(); err != nil {
		return err
	}
	if r.Replicas < 1 || r.Replicas > aim.MaxReplicas {
		return failed(aim.Failf(aim.ClassInput, "replicas is %d; it must be from 1 to %d", r.Replicas, aim.MaxReplicas).
			WithHint("to end the deployment: aim stop %s", d.now.Spec.Name))
	}
	return nil
}

func (d *deploymentMachine) scale(r ScaleRequest) Applied {
	spec := d.wanted()
	spec.Replicas = r.Replicas
	return d.want(spec)
}

// restartAll makes another version of what is wanted, so that a restart is rolled
// out as any change is.
func (d *deploymentMachine) restartAll() Applied {
	a := d.applied(true)
	if v := d.version(d.now.Target); v != nil {
		d.aimFor(d.newVersion(v.Spec, v.Ladder))
	}
	return a
}

func (d *deploymentMachine) checkRollback() error {
	if err := d.checkOpen(); err != nil {
		return err
	}
	if d.wayBack() == 0 && d.now.NotTaken == nil {
		return failed(aim.Failf(aim.ClassConflict, "deployment %q has run nothing but its present spec", d.now.Spec.Name).
			WithHint("aim status %s", d.now.Spec.Name))
	}
	return nil
}

// wayBack is the version that a rollback leads to, 0 if there is none: in a roll-out
// the one before it, else the one before the last.
func (d *deploymentMachine) wayBack() int {
	if d.now.Change != nil {
		return d.now.Good
	}
	return d.now.Prior
}

// rollback takes back the last change. One that was not taken up is taken back
// already.
func (d *deploymentMachine) rollback() Applied {
	back := d.wayBack()
	if d.now.NotTaken != nil || back == 0 {
		d.now.NotTaken = nil // that is known now
		return d.applied(false)
	}
	d.now.Revision++
	d.now.Apply, d.now.Choosing = nil, nil
	d.now.Spec = d.version(back).Spec.WithNumbers(d.now.Spec)
	d.aimFor(back)
	return d.applied(true)
}

// checkMove refuses what would take away more than the deployment can spare, or
// what was meant for a place that the replica has left.
func (d *deploymentMachine) checkMove(r MoveRequest) error {
	if err := d.checkOpen(); err != nil {
		return err
	}
	name := d.now.Spec.Name
	conflict := func(format string, args ...any) error {
		return failed(aim.Failf(aim.ClassConflict, format, args...).WithHint("aim status %s", name))
	}
	m := d.find(r.Ordinal)
	if m == nil || m.Retired {
		return failed(aim.Failf(aim.ClassInput, "deployment %q has no replica %d", name, r.Ordinal).WithHint("aim status %s", name))
	}
	replica, moving := fmt.Sprintf("replica %s/%d", name, r.Ordinal), d.moving()
	switch {
	case moving != nil:
		return conflict("replica %s/%d is being moved; one moves at a time", name, moving.Succeeds.Ordinal)
	case d.now.Apply != nil || d.now.Choosing != nil || m.Version != d.now.Target || d.successorOf(m) != nil:
		return conflict("%s is being changed; it is placed afresh by that", replica)
	case r.Drain && m.mayLeave():
		if r.Off != m.Status.Node {
			return conflict("%s is on %s, not on %s", replica, orElse(m.Status.Node, "no node"), r.Off)
		}
	case !m.ready() || m.Stopping || m.Succeeds != nil:
		return conflict("%s is %s; only a ready one is moved", replica, m.Status.Phase)
	case r.Off != "" && r.Off != m.Status.Node:
		return conflict("%s is on %s, not on %s", replica, m.Status.Node, r.Off)
	case r.Evict && r.To != "":
		return failed(aim.Failf(aim.ClassInput, "one that is evicted goes wherever there is room, not to %s", r.To).WithHint("aim move %s --replica %d --to %s", name, r.Ordinal, r.To))
	case r.To != "" && orElse(d.now.Spec.Selector[aim.NodeLabel], r.To) != r.To:
		return conflict("%s is selected for node %s alone, by its spec", name, d.now.Spec.Selector[aim.NodeLabel])
	case r.To != "" && r.To == m.Status.Node:
		return conflict("%s is on %s already", replica, r.To)
	case r.Evict && d.serving() <= d.now.Spec.MinAvailable:
		return conflict("%d replicas of %s are ready, and its min_available is %d", d.serving(), name, d.now.Spec.MinAvailable)
	}
	return nil
}

// mayLeave tells whether nobody misses the member when it goes elsewhere: it serves
// nothing, and is not about to end.
func (m *member) mayLeave() bool {
	return !m.ready() && !m.Closed && !m.Stopping && !m.Starting && m.Lost == "" && m.Succeeds == nil && m.Status.Phase != aim.Stopping
}

// move starts a succession elsewhere. An evicted replica has nobody to succeed it:
// it stops, and looks for another place behind those who come before it.
func (d *deploymentMachine) move(r MoveRequest) Applied {
	m, why := d.find(r.Ordinal), clip(orElse(r.Why, "moved on request"), maxText)
	avoid := map[string]string{m.Status.Node: clip(fmt.Sprintf("replica %d left it: %s", r.Ordinal, why), maxText)}
	if r.Evict || !m.ready() {
		d.restart(m, false, avoid, why)
	} else {
		d.replace(m, m.Version, succession{Cause: causeMove, Why: why, Avoid: avoid, To: r.To})
	}
	return d.applied(true)
}

func (d *deploymentMachine) stopOnRequest(r StopRequest) Applied {
	changed := !d.ending()
	if changed {
		d.stop(orElse(r.Why, "stopped on request"))
	}
	return d.applied(changed)
}
