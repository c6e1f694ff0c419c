package control

import (
	"context"
	"log/slog"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// RunningReplica is a Replica workflow that runs, as Temporal lists it.
type RunningReplica struct {
	WorkflowID string
	Node       string
	Phase      aim.Phase
}

// Replicas reaches Replica workflows.
type Replicas interface {
	// Running lists those that are on a node.
	Running(ctx context.Context) ([]RunningReplica, error)
	// TellNode hands a verdict to one. One that does not run any more is no error.
	TellNode(ctx context.Context, workflowID string, v workflows.NodeVerdict) error
}

// Verdicts tells replicas what has become of their nodes: one control process at a
// time, the leader. It decides nothing: the view judges, and the replicas act.
//
//	node lost                  ─▶ lost, to every replica that has a claim on it
//	lost, and the brake holds  ─▶ held
//	alive, its server healthy  ─▶ back, to those that were told otherwise
type Verdicts struct {
	Fleet    func() aim.Fleet
	Held     func() (bool, string) // whether nothing is to be replaced now, and why
	Replicas Replicas
	Log      *slog.Logger

	told map[string]told // by workflow id
}

// told is what a replica was last told. A fresh leader takes those that are degraded
// for told something: whoever led before may have said that their node is lost.
type told struct {
	node string
	says workflows.NodeState
}

// verdictsEvery is how soon a verdict reaches the replicas.
const verdictsEvery = 250 * time.Millisecond

// Run works until ctx ends.
func (v *Verdicts) Run(ctx context.Context) {
	tick := time.NewTicker(verdictsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			v.once(ctx)
		}
	}
}

func (v *Verdicts) once(ctx context.Context) {
	if v.told == nil {
		running, err := v.Replicas.Running(ctx)
		if err != nil {
			return // asked again at the next tick
		}
		v.told = map[string]told{}
		for _, r := range running {
			if r.Phase == aim.Degraded {
				v.told[r.WorkflowID] = told{node: r.Node} // something, not known what
			}
		}
	}
	held, why := v.Held()
	for _, n := range v.Fleet().Nodes {
		switch {
		case n.Liveness == aim.Lost && held:
			v.tellAll(ctx, n, workflows.NodeHeld, why)
		case n.Liveness == aim.Lost:
			v.tellAll(ctx, n, workflows.NodeLost, "node "+n.ID+" is lost: neither its agent nor its servers answer")
		case n.Liveness == aim.Alive:
			v.tellBack(ctx, n)
		}
	}
}

// tellAll tells every replica on a node. A node that went away before this process
// started has shown no claims: Temporal knows who is there.
func (v *Verdicts) tellAll(ctx context.Context, n aim.FleetNode, says workflows.NodeState, why string) {
	for _, c := range n.Claims {
		v.tell(ctx, workflows.ReplicaID(c.Deployment, c.Ordinal), workflows.NodeVerdict{Node: n.ID, Token: c.Token, Says: says, Why: why})
	}
	if len(n.Claims) > 0 || n.Epoch != 0 {
		return
	}
	key := told{node: n.ID, says: says}
	if v.told["node "+n.ID] == key {
		return
	}
	running, err := v.Replicas.Running(ctx)
	if err != nil {
		return
	}
	for _, r := range running {
		if r.Node == n.ID {
			v.tell(ctx, r.WorkflowID, workflows.NodeVerdict{Node: n.ID, Says: says, Why: why})
		}
	}
	v.told["node "+n.ID] = key
}

// tellBack tells those whose server is well again.
func (v *Verdicts) tellBack(ctx context.Context, n aim.FleetNode) {
	delete(v.told, "node "+n.ID)
	for _, e := range n.Endpoints {
		id := workflows.ReplicaID(e.Deployment, e.Ordinal)
		if t, was := v.told[id]; was && t.node == n.ID && e.Healthy {
			v.tell(ctx, id, workflows.NodeVerdict{Node: n.ID, Token: e.Token, Says: workflows.NodeBack})
			if v.told[id].says == workflows.NodeBack {
				delete(v.told, id)
			}
		}
	}
}

// tell says it once. What could not be said is said at the next tick.
func (v *Verdicts) tell(ctx context.Context, id string, verdict workflows.NodeVerdict) {
	now := told{node: verdict.Node, says: verdict.Says}
	if v.told[id] == now {
		return
	}
	if err := v.Replicas.TellNode(ctx, id, verdict); err != nil {
		v.Log.Warn("could not tell a replica of its node", "replica", id, "node", verdict.Node, "says", verdict.Says, "error", err)
		return
	}
	v.Log.Info("told a replica of its node", "replica", id, "node", verdict.Node, "says", verdict.Says)
	v.told[id] = now
}
