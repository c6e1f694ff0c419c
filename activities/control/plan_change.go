package control

import (
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// askedSince is from when each replica asks for its place (unix ms): one that
// serves from when it began to, another from the first step of its attempt.
func askedSince(s aim.Status) map[int]int64 {
	since := map[int]int64{}
	for _, r := range s.Replicas {
		for i, step := range r.Steps {
			started, err := time.Parse(time.RFC3339Nano, step.Started)
			switch {
			case err != nil:
			case step.Name == "prove" && step.Outcome == "done":
				since[r.Ordinal] = started.UnixMilli() + step.Millis
			case i == 0:
				since[r.Ordinal] = started.UnixMilli()
			}
		}
	}
	return since
}

// changeOf says what becomes of each replica, by ordinal.
func changeOf(s aim.Status, spec aim.DeploymentSpec) *aim.SpecChange {
	change := &aim.SpecChange{Fields: s.Spec.Diff(spec), Replicas: []aim.ReplicaChange{}}
	wanted := spec.Defaulted().Replicas
	replicas := slices.Clone(s.Replicas)
	slices.SortFunc(replicas, func(a, b aim.ReplicaStatus) int { return a.Ordinal - b.Ordinal })
	free := map[int]bool{}
	for i, r := range replicas {
		does := aim.ReplicaStays
		switch {
		case i >= wanted:
			does = aim.ReplicaStops
		case s.Spec.NeedsServers(spec):
			does = aim.ReplicaRestarts
		}
		free[r.Ordinal] = true
		change.Replicas = append(change.Replicas, aim.ReplicaChange{Ordinal: r.Ordinal, Does: does, Node: r.Node, Serves: r.Phase == aim.Ready})
	}
	for ordinal, n := 0, len(replicas); n < wanted; ordinal++ {
		if !free[ordinal] {
			change.Replicas = append(change.Replicas, aim.ReplicaChange{Ordinal: ordinal, Does: aim.ReplicaStarts})
			n++
		}
	}
	return change
}

// change goes the way of a roll-out (workflows/rollout.go): what is not wanted any more
// stops; one that serves is replaced by one that is ready before, where there is room
// for it, and else stops first, if it can be spared, and comes back on the GPUs that it
// has where it needs as many.
func (t *trial) change(s aim.Status) {
	c := t.plan.Change
	for _, r := range c.Replicas {
		if r.Does == aim.ReplicaStops {
			t.leaves(r.Ordinal)
		}
	}
	serving := 0
	for _, r := range c.Replicas {
		if r.Serves && r.Does != aim.ReplicaStops {
			serving++
		}
	}
	spare := min(t.spec.MaxUnavailable-(t.spec.Replicas-serving), serving-t.spec.MinAvailable)
	for i := range c.Replicas {
		r, goesOn := &c.Replicas[i], true
		switch {
		case r.Does == aim.ReplicaStarts:
			goesOn = t.place(r.Ordinal)
		case r.Does == aim.ReplicaRestarts && !r.Serves:
			goesOn = t.restart(r.Ordinal)
		case r.Does == aim.ReplicaRestarts && t.beside(r.Ordinal):
			r.Does = aim.ReplicaReplaced
			t.leaves(r.Ordinal)
		case r.Does == aim.ReplicaRestarts && spare > 0:
			spare--
			goesOn = t.restart(r.Ordinal)
		case r.Does == aim.ReplicaRestarts:
			t.place(r.Ordinal) // it may not stop before there is room
			goesOn = false
		}
		if !goesOn {
			return
		}
	}
}

// beside tells whether there is room for the new server while the old one serves, and
// places it there.
func (t *trial) beside(ordinal int) bool {
	rung, ok := t.rung(ordinal)
	if !ok {
		return false
	}
	d := t.core.Place(t.request(ordinal+len(t.plan.Change.Replicas), rung), t.now)
	if d.Outcome != aim.Place {
		return false
	}
	t.note(rung, d)
	return true
}

// restart places the replica when its old server has stopped. Its claim is kept where
// the new one takes the same GPUs; else those who wait have their turn first.
func (t *trial) restart(ordinal int) bool {
	if rung, ok := t.rung(ordinal); ok {
		if ranks := t.held(ordinal, rung); len(ranks) > 0 {
			t.note(rung, aim.Decision{Outcome: aim.Place, Nodes: t.plan.Fleet.Nodes, Placement: &aim.Placement{
				Ranks: ranks, Why: "on the GPUs that it has",
			}})
			return true
		}
	}
	t.leaves(ordinal)
	return t.place(ordinal)
}

// rung is the one that a replica would ask for first: the highest that some node could
// hold.
func (t *trial) rung(ordinal int) (aim.Rung, bool) {
	for rung, ok := t.plan.Ladder.At(1); ok; rung, ok = t.plan.Ladder.After(rung.Number, aim.ClassCapacity) {
		request := t.request(ordinal, rung)
		if d := t.core.Consider(&request); d.Outcome != aim.Impossible {
			return rung, true
		}
	}
	return aim.Rung{}, false
}

// note takes a decision down, and the rung with the first of them.
func (t *trial) note(rung aim.Rung, d aim.Decision) {
	if t.plan.Rung == nil {
		t.plan.Rung = &rung
	}
	t.plan.Placements = append(t.plan.Placements, d)
}

// held is what a replica holds now, where the rung takes the same; nothing elsewhere.
func (t *trial) held(ordinal int, rung aim.Rung) (ranks []aim.Rank) {
	for _, n := range t.core.Snapshot().Nodes {
		for _, c := range n.Claims {
			if !t.mine(c, ordinal) {
				continue
			}
			for _, g := range n.GPUs {
				if c.Holds(g.ID) && rung.GPUType != "" && g.Type != rung.GPUType {
					return nil
				}
			}
			if len(c.GPUs) != max(rung.GPUs, 1) || c.ShareBytes != rung.ShareBytes {
				return nil
			}
			ranks = append(ranks, aim.Rank{Node: n.ID, GPUs: c.GPUs, ShareBytes: c.ShareBytes})
		}
	}
	if len(ranks) != max(rung.Nodes, 1) {
		return nil
	}
	return ranks
}

func (t *trial) mine(c aim.Claim, ordinal int) bool {
	return c.UID == t.uid && c.Deployment == t.spec.Name && c.Ordinal == ordinal
}

// leaves takes the claims of a replica away, and lets those who wait have what
// that frees.
func (t *trial) leaves(ordinal int) {
	t.core.Leave(func(c aim.Claim) bool { return t.mine(c, ordinal) })
	t.core.Turn(t.now)
}
