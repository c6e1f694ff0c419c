package control

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// running are deployments as a Planner asks for them.
type running map[string]aim.Status

func (r running) Statuses(_ context.Context, names []string) map[string]aim.Status {
	found := map[string]aim.Status{}
	for _, name := range names {
		if s, ok := r[name]; ok {
			found[name] = s
		}
	}
	return found
}

// planFor is a plan over the placer as it stands, for so many GPUs.
func planFor(p *Placer, gpus int, spec aim.DeploymentSpec, s *aim.Status) aim.Plan {
	ladder := aim.Ladder{Rungs: []aim.Rung{{Number: 1, Recipe: "r", GPUs: gpus, Nodes: 1}}}
	return MakePlan(p.Fork(), spec, ladder, s, time.Now())
}

// claimed is a node on which a deployment holds GPUs.
func claimed(id string, gpus int, name string, holds ...int) aim.FleetNode {
	n := fleetNode(id, gpus)
	c := aim.Claim{Identity: aim.Identity{Deployment: name, UID: "uid-of-" + name, Attempt: 1, Token: "token-of-" + name}}
	for _, g := range holds {
		c.GPUs = append(c.GPUs, gpuOf(id, g))
	}
	n.Claims = append(n.Claims, c)
	return n
}

// held is a fleet of one node whose free GPUs are held for one who waits for all.
func held() *Placer {
	both := claimed("n1", 8, "a", 0, 1, 2, 3)
	both.Claims = append(both.Claims, claimed("n1", 8, "b", 4, 5, 6, 7).Claims...)
	p := settledPlacer(both)
	p.join(wants("first", 8, 1))
	p.Update([]aim.FleetNode{claimed("n1", 8, "a", 0, 1, 2, 3)}, nil)
	return p
}

// A plan knows what is held for one who waits, and where it would stand.
func TestAPlanKnowsTheQueue(t *testing.T) {
	if plan := planFor(settledPlacer(claimed("n1", 8, "a", 0, 1, 2, 3)), 1, aim.DeploymentSpec{Model: "m/small"}, nil); plan.Placements[0].Outcome != aim.Place {
		t.Fatalf("nobody waits: %s", plan.Placements[0])
	}
	p := held()
	before, _ := json.Marshal(p.Fleet())
	plan := planFor(p, 1, aim.DeploymentSpec{Model: "m/small"}, nil)
	if after, _ := json.Marshal(p.Fleet()); string(after) != string(before) {
		t.Error("the plan has changed the fleet")
	}
	if w, _ := p.waits("token-of-first"); w.Of != 1 {
		t.Errorf("%d wait after the plan", w.Of)
	}
	if plan.Queue == nil || *plan.Queue != (aim.QueuePlace{Position: 2, Of: 2}) {
		t.Errorf("its place in the queue is %+v", plan.Queue)
	}
	placed := p.Place(wants("small", 1, int(time.Now().UnixMilli())))
	if plan.Placements[0].Outcome != placed.Outcome || placed.Outcome != aim.Wait {
		t.Errorf("planned %s, placed %s", plan.Placements[0], placed)
	}
}

// A rung that is offered instead is one that has a place, with what is held for
// others in mind.
func TestAnAlternativeIsNotTakenFromWhoComesFirst(t *testing.T) {
	ladder := aim.Ladder{Rungs: []aim.Rung{{Number: 1, Recipe: "wide", GPUs: 8, Nodes: 1}, {Number: 2, Recipe: "narrow", GPUs: 1, Nodes: 1}}}
	plan := MakePlan(held().Fork(), aim.DeploymentSpec{Model: "m/m"}, ladder, nil, time.Now())
	if cures := strings.Join(plan.Placements[0].Cures, "; "); strings.Contains(cures, "take rung") {
		t.Errorf("it is told to %s", cures)
	}
}

// serving is the status of a deployment whose replicas are ready.
func serving(name string, nodes ...string) aim.Status {
	s := aim.Status{Name: name, UID: "uid-of-" + name, Phase: aim.Ready, Spec: aim.DeploymentSpec{Model: "m/m", Name: name, Replicas: len(nodes)}}
	for i, n := range nodes {
		s.Replicas = append(s.Replicas, aim.ReplicaStatus{Ordinal: i, Phase: aim.Ready, Node: n})
	}
	return s
}

// The GPUs of a deployment count as free for its own change, on a full fleet.
func TestAChangeHasItsOwnGPUs(t *testing.T) {
	p := settledPlacer(claimed("n1", 8, "big", 0, 1, 2, 3, 4, 5, 6, 7))
	s := serving("big", "n1")
	spec := s.Spec
	spec.MaxModelLen = 16384
	plan := planFor(p, 8, spec, &s)
	if len(plan.Placements) != 1 || plan.Placements[0].Outcome != aim.Place {
		t.Fatalf("placements %v", plan.Placements)
	}
	want := aim.ReplicaChange{Ordinal: 0, Does: aim.ReplicaRestarts, Node: "n1", Serves: true}
	if len(plan.Change.Replicas) != 1 || plan.Change.Replicas[0] != want || !plan.Change.TakesDown() {
		t.Errorf("change %+v", plan.Change)
	}
	if f := plan.Change.Fields; len(f) != 1 || f[0].Field != "max_model_len" || string(f[0].After) != "16384" {
		t.Errorf("fields %+v", f)
	}
}

// A change goes the way of a roll-out: the new server first where there is room, and
// else on the GPUs that the old one has, whoever waits; another number of GPUs has to
// be waited for behind them.
func TestAChangeGoesTheWayOfARollOut(t *testing.T) {
	full := func() *Placer { return settledPlacer(claimed("n1", 8, "big", 0, 1, 2, 3, 4, 5, 6, 7)) }
	s := serving("big", "n1")
	spec := s.Spec
	spec.MaxModelLen = 16384

	roomy := settledPlacer(claimed("n1", 8, "big", 0, 1, 2, 3, 4, 5, 6, 7), fleetNode("n2", 8))
	plan := planFor(roomy, 8, spec, &s)
	if r := plan.Change.Replicas[0]; r.Does != aim.ReplicaReplaced || plan.Change.TakesDown() || plan.Placements[0].Placement.Ranks[0].Node != "n2" {
		t.Errorf("with room it %s, on %v", r.Does, plan.Placements[0])
	}
	waits := full()
	waits.join(wants("first", 8, 1))
	plan = planFor(waits, 8, spec, &s)
	if r := plan.Change.Replicas[0]; r.Does != aim.ReplicaRestarts || !plan.Change.TakesDown() || plan.Placements[0].Outcome != aim.Place {
		t.Errorf("without room it %s, and is told %s", r.Does, plan.Placements[0])
	}
	if plan = planFor(waits, 4, spec, &s); plan.Placements[0].Outcome != aim.Wait {
		t.Errorf("with other GPUs, behind one who waits for them, it is told %s", plan.Placements[0])
	}
	spec.MinAvailable = 1
	if plan = planFor(full(), 8, spec, &s); plan.Placements[0].Outcome != aim.Wait {
		t.Errorf("it may not stop first, and is told %s", plan.Placements[0])
	}
}

// A change of numbers leaves the servers that stay alone.
func TestAScaleRestartsNothing(t *testing.T) {
	p := settledPlacer(claimed("n1", 8, "m", 0))
	s := serving("m", "n1")
	spec := s.Spec
	spec.Replicas = 2
	plan := planFor(p, 1, spec, &s)
	var does []string
	for _, r := range plan.Change.Replicas {
		does = append(does, r.Does)
	}
	if !slices.Equal(does, []string{aim.ReplicaStays, aim.ReplicaStarts}) || len(plan.Placements) != 1 || plan.Change.TakesDown() {
		t.Errorf("%v, placements %v", does, plan.Placements)
	}
	if plan = planFor(p, 1, s.Spec, &s); len(plan.Change.Fields) != 0 || len(plan.Placements) != 0 {
		t.Errorf("the same spec changes %+v", plan.Change)
	}
}

// The leader's answer is a plan, or the failure that Apply would end with.
func TestPlannerAnswers(t *testing.T) {
	roomy := fleetNode("n1", 8)
	roomy.DiskFree = 1 << 40
	c := control(t, roomy)
	planner := Planner{Control: c, Deployments: running{"taken": {Name: "taken", Phase: aim.Ready, Spec: aim.DeploymentSpec{Model: "a/b"}}}}
	ask := func(spec aim.DeploymentSpec) (p aim.Plan, err error) {
		question, _ := json.Marshal(activities.PlanQuestion{Spec: spec})
		var answer []byte
		err = planner.Answer(t.Context(), "plan", question, func(b []byte) error { answer = append(answer, b...); return nil })
		if err == nil {
			err = json.Unmarshal(answer, &p)
		}
		return p, err
	}
	p, err := ask(aim.DeploymentSpec{Model: "meta-llama/Llama-3.1-8B-Instruct"})
	if err != nil || p.Rung == nil || p.Placements[0].Outcome != aim.Place || !p.Fleet.Known || p.Local != "" {
		t.Errorf("placements %v, %v", p.Placements, err)
	}
	for class, spec := range map[aim.FailureClass]aim.DeploymentSpec{
		aim.ClassNoRecipe: {Model: "meta-llama/Llama-3.1-9B-Instruct"},
		aim.ClassInput:    {Model: "meta-llama/Llama-3.1-8B-Instruct", Replicas: -1},
		aim.ClassConflict: {Model: "meta-llama/Llama-3.1-8B-Instruct", Name: "taken"},
	} {
		if _, err := ask(spec); aim.FailureOf(err).Class != class {
			t.Errorf("%+v: %v, want %s", spec, err, class)
		}
	}
}

// TestPlanAgreesWithPlacement: over random fleets and queues, what is planned is
// what the leader's queue then does, replica for replica.
func TestPlanAgreesWithPlacement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []aim.FleetNode
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			id := fmt.Sprintf("n%d", i+1)
			n := fleetNode(id, 8)
			for g := range 8 {
				if rapid.IntRange(0, 2).Draw(t, "held") == 0 {
					n.Claims = append(n.Claims, holds(id, g))
				}
			}
			nodes = append(nodes, n)
		}
		p := settledPlacer(nodes...)
		for i := range rapid.IntRange(0, 3).Draw(t, "before") {
			p.join(wants(fmt.Sprintf("w%d", i), rapid.SampledFrom([]int{1, 4, 8}).Draw(t, "wants"), i+1))
		}
		gpus := rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "gpus")
		spec := aim.DeploymentSpec{Model: "m/m", Name: "new", Replicas: rapid.IntRange(1, 3).Draw(t, "replicas"), Priority: rapid.SampledFrom([]int{0, 0, 10}).Draw(t, "priority")}
		plan := planFor(p, gpus, spec, nil)
		for ordinal := range spec.Replicas {
			r := aim.Rung{GPUs: gpus, Nodes: 1}.Request(spec, aim.Identity{Deployment: "new", UID: "uid", Ordinal: ordinal, Token: fmt.Sprint("t", ordinal)})
			r.AskedAt = time.Now().UnixMilli()
			d := p.Place(r)
			if ordinal >= len(plan.Placements) {
				if d.Outcome != aim.Impossible || len(plan.Skipped) == 0 {
					t.Fatalf("replica %d: planned %+v, placed %s %s", ordinal, plan.Skipped, d.Outcome, d)
				}
				return
			}
			if want := plan.Placements[ordinal]; want.Outcome != d.Outcome || d.Outcome == aim.Place && want.Placement.Ranks[0].Node != d.Placement.Ranks[0].Node {
				t.Fatalf("replica %d: planned %s %s, placed %s %s", ordinal, want.Outcome, want, d.Outcome, d)
			}
			if d.Outcome != aim.Place {
				p.join(r)
				if w, waits := p.waits(r.Token); !waits || plan.Queue == nil || w.Position != plan.Queue.Position {
					t.Fatalf("planned to be %+v, is %+v", plan.Queue, w)
				}
				return
			}
		}
	})
}
