package control

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/preempt"
	"github.com/aim-engine/aim/workflows"
)

// RebalanceLevel says what may be done to make room for those who wait.
type RebalanceLevel string

// Each level includes the ones before it.
const (
	RebalanceOff     RebalanceLevel = "off"
	RebalancePropose RebalanceLevel = "propose" // plans are told to those who wait
	RebalanceMove    RebalanceLevel = "move"    // replicas are moved to other nodes
	RebalancePreempt RebalanceLevel = "preempt" // and stopped for those of higher priority
)

const (
	// rebalanceEvery is how often room is looked for while somebody waits.
	rebalanceEvery = 2 * time.Second
	// rebalanceMoves is how many replicas one plan may move.
	rebalanceMoves = 4
	// moveWithin is how long a replica may take to leave: loading large weights
	// elsewhere takes the longest.
	moveWithin = time.Hour
	// shunFor is how long a replica that could not be moved is left alone.
	shunFor = 10 * time.Minute
)

// Deployments is how a Rebalancer learns of replicas, and moves them.
type Deployments interface {
	// Statuses asks deployments how they are, by name; those that do not answer
	// are left out.
	Statuses(ctx context.Context, names []string) map[string]aim.Status
	// Move asks one replica to leave a node; refusals are Failures.
	Move(ctx context.Context, name string, m workflows.MoveRequest) error
}

// Rebalancer makes room for those who wait: it asks the scheduler for a plan, has the
// Deployments carry out its first step, waits until that has come about, and
// looks again. It decides nothing itself, and one control process at a time runs
// one.
type Rebalancer struct {
	Level       RebalanceLevel
	Placer      *Placer
	Deployments Deployments
	Log         *slog.Logger

	shunned map[string]time.Time // by token: left alone until then
}

// Run works until ctx ends.
func (r *Rebalancer) Run(ctx context.Context) {
	if r.Level == RebalanceOff || r.Level == "" {
		return
	}
	r.shunned = map[string]time.Time{}
	tick := time.NewTicker(rebalanceEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.once(ctx)
		}
	}
}

// once takes one step of one plan, if there is one.
func (r *Rebalancer) once(ctx context.Context) {
	if !r.Placer.hasWaiting() {
		return
	}
	fleet := r.Placer.Fleet()
	victims := victimsOf(fleet, r.Deployments.Statuses(ctx, deploymentsOn(fleet)))
	for token, until := range r.shunned {
		if delete(victims, token); time.Now().After(until) {
			delete(r.shunned, token)
		}
	}
	plan, ok := r.Placer.plan(preempt.Policy{
		Moves: rebalanceMoves, Preempt: r.Level != RebalanceMove,
		Who: func(id aim.Identity) (preempt.Victim, bool) {
			t, known := victims[id.Token]
			return t, known
		},
	})
	if !ok || r.Level == RebalancePropose {
		return
	}
	step := nextStep(plan)
	log := r.Log.With("plan", plan.String(), "replica", step.Replica.ReplicaName())
	log.Info("making room")
	if err := r.carryOut(ctx, plan, step); err != nil && ctx.Err() == nil {
		r.shunned[step.Replica.Token] = time.Now().Add(shunFor)
		log.Warn("could not make room", "error", err)
	}
}

// nextStep moves before it stops: a move that fails has harmed nobody.
func nextStep(p preempt.Plan) preempt.Step {
	if i := slices.IndexFunc(p.Steps, func(s preempt.Step) bool { return s.To != nil }); i >= 0 {
		return p.Steps[i]
	}
	return p.Steps[0]
}

// carryOut asks for one step and returns when the replica holds nothing any more.
func (r *Rebalancer) carryOut(ctx context.Context, plan preempt.Plan, step preempt.Step) error {
	ctx, cancel := context.WithTimeout(ctx, moveWithin)
	defer cancel()
	who, id := aim.Identity{Deployment: plan.Request.Deployment, Ordinal: plan.Request.Ordinal}, step.Replica
	move := workflows.MoveRequest{Ordinal: id.Ordinal, Off: plan.Node, Evict: step.To == nil,
		Why: fmt.Sprintf("it makes room for %s on %s", who.ReplicaName(), plan.Node)}
	if step.To != nil {
		move.To = step.To.Ranks[0].Node
	}
	if err := r.Deployments.Move(ctx, id.Deployment, move); err != nil {
		return err
	}
	tick := time.NewTicker(rebalanceEvery / 4)
	defer tick.Stop()
	for r.Placer.holds(id.Token) {
		s, answers := r.Deployments.Statuses(ctx, []string{id.Deployment})[id.Deployment]
		if answers && stays(s, id) {
			return aim.Failf(aim.ClassCapacity, "%s", s.Reason)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// stays tells whether the deployment has given the move up: no successor is there
// any more, and the replica serves on.
func stays(s aim.Status, id aim.Identity) bool {
	return len(s.Replicas) <= s.Wanted && slices.ContainsFunc(s.Replicas, func(r aim.ReplicaStatus) bool {
		return r.Ordinal == id.Ordinal && r.Attempt == id.Attempt && r.Phase == aim.Ready
	})
}
