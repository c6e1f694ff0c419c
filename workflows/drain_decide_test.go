package workflows

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// drained is a node whose replicas obey as far as there is room elsewhere.
type drained struct {
	view activities.NodeView
	room int
	min  map[string]int // replicas of a deployment that have to stay ready
}

func (n *drained) at(token string) *activities.NodeReplica {
	for i := range n.view.Replicas {
		if n.view.Replicas[i].Token == token {
			return &n.view.Replicas[i]
		}
	}
	return nil
}

// obey does what a Deployment does with an order, and returns its refusal.
func (n *drained) obey(t *rapid.T, step drainStep) *aim.Failure {
	switch {
	case step.cordon != nil:
		n.view.Cordon = *step.cordon
	case step.move != nil:
		r := n.at(step.token)
		switch {
		case r == nil || r.Moving || r.Phase == aim.Stopping || r.Phase == "":
			t.Fatalf("%s is asked to go: %+v", step.token, r)
		case r.Phase != aim.Ready:
			r.Phase = aim.Stopping
		case step.move.StopFirst && n.min[r.Deployment] > 0:
			return aim.Failf(aim.ClassConflict, "its min_available is %d", n.min[r.Deployment])
		case step.move.StopFirst:
			r.Phase = aim.Stopping
		case n.room > 0:
			n.room--
			r.Moving = true
		}
	}
	return nil
}

// time passes: successors prove themselves, and what stops is gone.
func (n *drained) passes(t *rapid.T) {
	for _, r := range append([]activities.NodeReplica{}, n.view.Replicas...) {
		if (r.Moving || r.Phase == aim.Stopping || r.Phase == "") && rapid.Bool().Draw(t, "done") {
			var left []activities.NodeReplica
			for _, other := range n.view.Replicas {
				if other.Token != r.Token {
					left = append(left, other)
				}
			}
			n.view.Replicas = left
		}
	}
}

// Property: whatever is on a node, a drain never has two that serve under way, never
// stops one that serves before it has tried succession, never opens the node before it
// was rebooted, and ends with the node empty once there is room for all.
func TestDrainProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &drained{min: map[string]int{}, room: rapid.IntRange(0, 6).Draw(t, "room"), view: activities.NodeView{Liveness: aim.Alive, BootID: "b1"}}
		phases := []aim.Phase{aim.Ready, aim.Ready, aim.Starting, aim.Proving, aim.Degraded, aim.Stopping, ""}
		for i := range rapid.IntRange(0, 6).Draw(t, "replicas") {
			name := string(rune('a' + i))
			n.view.Replicas = append(n.view.Replicas, activities.NodeReplica{Deployment: name, Token: name, Phase: rapid.SampledFrom(phases).Draw(t, "phase")})
			n.min[name] = rapid.IntRange(0, 1).Draw(t, "min")
		}
		in := DrainInput{Node: "n1", StopFirst: rapid.Bool().Draw(t, "stop first"), Reboot: rapid.Bool().Draw(t, "reboot")}
		total := len(n.view.Replicas)
		var d drainState
		tried := map[string]bool{}
		now := time.Unix(0, 0)
		for range 400 {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			step := d.next(in, n.view, now)
			if step.over {
				if d.Phase != DrainDone || len(n.view.Replicas) > 0 || d.Gone != total {
					t.Fatalf("over with %+v of %d: %+v", n.view.Replicas, total, d)
				}
				if (n.view.Cordon == "") != in.Reboot || in.Reboot && n.view.BootID == "b1" {
					t.Fatalf("over with cordon %q and boot %s", n.view.Cordon, n.view.BootID)
				}
				return
			}
			if m := step.move; m != nil && n.at(step.token).Phase == aim.Ready {
				for _, r := range n.view.Replicas {
					if r.Phase == aim.Ready && r.Moving {
						t.Fatalf("%s is asked to go while %s goes", step.token, r.Token)
					}
				}
				if m.StopFirst && (!in.StopFirst || !tried[step.token]) {
					t.Fatalf("%s is stopped before a successor was tried", step.token)
				}
				tried[step.token] = true
			}
			if step.cordon != nil && *step.cordon == "" && n.view.BootID == "b1" {
				t.Fatal("opened before it was rebooted")
			}
			d.told(step, n.obey(t, step), now)
			n.passes(t)
			if d.Phase == DrainEmpty {
				n.view.BootID = "b2"
			}
			if rapid.IntRange(0, 9).Draw(t, "more room") == 0 {
				n.room++
			}
		}
		t.Fatalf("it does not end: %+v", d)
	})
}

// A drain ends when somebody opens the node, and says what keeps a replica.
func TestDrainTells(t *testing.T) {
	now := time.Unix(0, 0)
	v := activities.NodeView{Liveness: aim.Alive, BootID: "b", Replicas: []activities.NodeReplica{{Deployment: "a", Token: "t", Phase: aim.Ready}}}
	in := DrainInput{Node: "n1", Why: "a fan"}
	var d drainState
	step := d.next(in, v, now)
	if step.cordon == nil || *step.cordon != "a fan" {
		t.Fatalf("first it does %+v", step)
	}
	d.told(step, nil, now)
	v.Cordon = "a fan"
	step = d.next(in, v, now)
	d.told(step, aim.Failf(aim.ClassConflict, "a/0 is being changed"), now)
	if step = d.next(in, v, now.Add(time.Second)); step.move != nil || !strings.Contains(d.Reason, "a/0 stays for now: a/0 is being changed") {
		t.Errorf("%+v, because %q", step, d.Reason)
	}
	if step = d.next(in, v, now.Add(time.Minute)); step.move == nil {
		t.Errorf("after a while it is not asked again: %q", d.Reason)
	}
	v.Cordon = ""
	if step = d.next(in, v, now.Add(time.Hour)); !step.over || d.Phase != DrainEnded {
		t.Errorf("an opened node is still drained: %+v", d)
	}
}
