package control

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/scheduler"
)

// Planner answers what a deployment would do. The leader's answer is the one that
// counts: it knows who waits, what is kept for whom, and what runs.
type Planner struct {
	Control     *Control
	Deployments interface {
		Statuses(ctx context.Context, names []string) map[string]aim.Status
	}
}

// Answer answers a PlanQuestion, as JSON, with an aim.Plan, as JSON. Its error is
// the Failure that Apply, or the first step of the deployment, would end with.
func (p Planner) Answer(ctx context.Context, _ string, question []byte, write func([]byte) error) error {
	var asked activities.PlanQuestion
	if err := json.Unmarshal(question, &asked); err != nil {
		return aim.Failf(aim.ClassInput, "read the question about a plan: %v", err)
	}
	plan, err := p.Plan(ctx, asked.Spec)
	if err != nil {
		return aim.FailureOf(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return fmt.Errorf("answer the question about a plan: %w", err)
	}
	return write(text)
}

// Plan finds out what Apply of this spec would do now.
func (p Planner) Plan(ctx context.Context, spec aim.DeploymentSpec) (aim.Plan, error) {
	if err := spec.Validate(); err != nil {
		return aim.Plan{}, err
	}
	name := spec.Defaulted().Name
	status, runs := p.Deployments.Statuses(ctx, []string{name})[name]
	if runs && status.Phase.Final() {
		runs = false
	}
	if runs {
		if err := mayBecome(status, spec); err != nil {
			return aim.Plan{}, err
		}
		spec = spec.Over(status.Spec)
	}
	core := p.Control.Placer.Fork()
	fleet := core.Snapshot()
	ladder, err := Ladder(ctx, p.Control.Catalogue, p.Control.Describe, spec, fleet)
	if err != nil {
		return aim.Plan{}, err
	}
	var running *aim.Status
	if runs {
		running = &status
	}
	return MakePlan(core, spec, ladder, running, time.Now()), nil
}

// mayBecome refuses what Apply refuses.
func mayBecome(s aim.Status, spec aim.DeploymentSpec) error {
	switch {
	case s.Phase == aim.Stopping:
		return aim.Failf(aim.ClassConflict, "deployment %q is ending; wait until it has, then apply again", s.Name).WithHint("aim status %s --watch", s.Name)
	case s.Spec.Model != spec.Model:
		return aim.Failf(aim.ClassConflict, "name %q is taken by a deployment of %s", s.Name, s.Spec.Model).
			WithHint("choose another --name, or aim stop %s", s.Name)
	}
	return nil
}

// MakePlan goes through what would happen, one step after the other, on a
// scheduler of its own (Fork): what the change takes away leaves, those who wait
// have their turn, what it starts is placed behind them.
func MakePlan(core *scheduler.Scheduler, spec aim.DeploymentSpec, ladder aim.Ladder, running *aim.Status, now time.Time) aim.Plan {
	fleet := core.Snapshot()
	p := aim.Plan{Spec: spec, Ladder: ladder, Placements: []aim.Decision{}, Fleet: aim.FleetPlanned(fleet)}
	t := trial{core: core, spec: spec.Defaulted(), now: now, plan: &p, uid: "plan"}
	if running == nil {
		for ordinal := range t.spec.Replicas {
			if !t.place(ordinal) {
				return p
			}
		}
		return p
	}
	t.uid, t.asked = running.UID, askedSince(*running)
	p.Change = changeOf(*running, spec)
	t.change(*running)
	return p
}

// OnFleet is a scheduler for a plan over a fleet of which nothing else is known:
// nobody waits, and nothing is kept.
func OnFleet(fleet aim.Fleet) *scheduler.Scheduler {
	core := scheduler.New(scheduler.Options{})
	for _, n := range fleet.Nodes {
		core.Apply(n)
	}
	return core
}

// trial places the replicas of one plan.
type trial struct {
	core  *scheduler.Scheduler
	spec  aim.DeploymentSpec
	uid   string
	asked map[int]int64 // unix ms, by ordinal; none = now
	now   time.Time
	plan  *aim.Plan
}

// request is what the replica would ask for on this rung.
func (t *trial) request(ordinal int, rung aim.Rung) aim.PlacementRequest {
	r := rung.Request(t.spec, aim.Identity{Deployment: t.spec.Name, UID: t.uid, Ordinal: ordinal, Token: fmt.Sprintf("plan %d", ordinal)})
	r.AskedAt = t.now.UnixMilli()
	if since, ok := t.asked[ordinal]; ok {
		r.AskedAt = since
	}
	return r
}

// place walks down the ladder as a replica does: a rung that no node can ever
// hold is left for the next. It tells whether the replica has a place now.
func (t *trial) place(ordinal int) bool {
	first := t.plan.Rung == nil
	for rung, ok := t.plan.Ladder.At(1); ok; rung, ok = t.plan.Ladder.After(rung.Number, aim.ClassCapacity) {
		request := t.request(ordinal, rung)
		d := t.core.Place(request, t.now)
		if d.Outcome == aim.Impossible {
			if first {
				t.plan.Skipped = append(t.plan.Skipped, aim.Skip{Rung: rung.Number, Recipe: rung.Recipe, Decision: d})
			}
			continue
		}
		if first {
			t.plan.Rung = &rung
		}
		if d.Outcome == aim.Wait {
			d = t.wait(request, rung, d)
		}
		t.plan.Placements = append(t.plan.Placements, d)
		return d.Outcome == aim.Place
	}
	return false
}

// wait is a decision to wait, with the place in the queue, what would end the wait,
// and what would not have to wait.
func (t *trial) wait(request aim.PlacementRequest, rung aim.Rung, d aim.Decision) aim.Decision {
	if where := t.core.Queue(request, t.now); where.Of > 0 {
		t.plan.Queue = &aim.QueuePlace{Position: where.Position, Of: where.Of}
		d = where.Decision.Cured(t.core.Cures(request.Token, t.now))
	}
	id := aim.Identity{Deployment: request.Deployment, UID: request.UID, Ordinal: request.Ordinal, Token: request.Token}
	for _, a := range t.plan.Ladder.Alternatives(rung.Number, t.plan.Spec, id) {
		a.Request.AskedAt = request.AskedAt
		if other := t.core.Consider(&a.Request); other.Outcome == aim.Place {
			return d.Cured(append([]aim.Cure{a.Cure(other.Placement.Ranks[0].Node)}, d.Remedies...))
		}
	}
	return d
}
