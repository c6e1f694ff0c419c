package scheduler

import (
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
	"github.com/aim-engine/aim/scheduler/preempt"
	"pgregory.net/rapid"
)

// TestPlansOnRandomFleets: a plan keeps to what is allowed, its moves go where
// there is room, and when it is carried out the request fits.
func TestPlansOnRandomFleets(t *testing.T) {
	found := 0
	// Most random fleets leave nothing to plan: draw until some have.
	for rounds := 0; found == 0; rounds++ {
		if rounds == 50 {
			t.Fatal("no plan was found at all")
		}
		rapid.Check(t, func(t *rapid.T) { found += checkPlan(t) })
	}
}

// checkPlan draws a fleet and a request, and counts the plans it has checked.
func checkPlan(t *rapid.T) int {
	fleet, req := fleettest.RandomFleet(t), fleettest.RandomRequest(t)
	req.Nodes, req.Avoid, req.UID, req.Priority = 1, nil, "other", 10
	if Place(req, fleet).Outcome != aim.Wait {
		return 0 // it need not be made room for
	}
	spare := rapid.IntRange(0, 2).Draw(t, "spare")
	policy := preempt.Policy{Moves: rapid.IntRange(0, 3).Draw(t, "moves"), Preempt: rapid.Bool().Draw(t, "preempt")}
	policy.Who = func(id aim.Identity) (preempt.Victim, bool) {
		return preempt.Victim{Request: victimOf(fleet, id), Spare: spare}, true
	}
	plan, ok := MakeRoom(req, fleet, policy)
	if !ok {
		return 0
	}
	after := carryOut(t, plan, fleet, policy, spare)
	if d := Place(req, after); d.Outcome != aim.Place {
		t.Fatalf("%s: carried out, and then %s", plan, d)
	}
	return 1
}

// victimOf is the request that a claim came from.
func victimOf(fleet aim.Fleet, id aim.Identity) aim.PlacementRequest {
	r := aim.PlacementRequest{Deployment: id.Deployment, UID: id.UID, Ordinal: id.Ordinal, Token: id.Token}
	for _, n := range fleet.Nodes {
		for _, c := range n.Claims {
			if c.Token == id.Token {
				r.GPUs, r.ShareBytes, r.CPUs, r.HostBytes = len(c.GPUs), c.ShareBytes, c.CPUs, c.HostBytes
			}
		}
	}
	return r
}

// carryOut applies the steps to a copy of the fleet and checks each.
func carryOut(t *rapid.T, plan preempt.Plan, fleet aim.Fleet, policy preempt.Policy, spare int) aim.Fleet {
	after := aim.Fleet{Nodes: slices.Clone(fleet.Nodes)}
	moves, stops := 0, 0
	for _, step := range plan.Steps {
		from := &after.Nodes[slices.IndexFunc(after.Nodes, func(n aim.FleetNode) bool { return n.ID == plan.Node })]
		i := slices.IndexFunc(from.Claims, func(c aim.Claim) bool { return c.Token == step.Replica.Token })
		claim := from.Claims[i]
		if stops++; step.To != nil {
			stops, moves = stops-1, moves+1
			rank := step.To.Ranks[0]
			to := &after.Nodes[slices.IndexFunc(after.Nodes, func(n aim.FleetNode) bool { return n.ID == rank.Node })]
			for _, id := range rank.GPUs {
				g := to.GPUs[slices.IndexFunc(to.GPUs, func(g aim.GPU) bool { return g.ID == id })]
				checkRoom(t, *to, g, claim.ShareBytes)
			}
			moved := claim
			moved.GPUs = rank.GPUs
			to.Claims = append(slices.Clip(to.Claims), moved)
			to.ClaimCPUs, to.ClaimBytes = to.ClaimCPUs+claim.CPUs, to.ClaimBytes+claim.HostBytes
		}
		from.Claims = slices.Delete(slices.Clone(from.Claims), i, i+1)
		from.ClaimCPUs, from.ClaimBytes = from.ClaimCPUs-claim.CPUs, from.ClaimBytes-claim.HostBytes
	}
	if moves > policy.Moves || stops > 0 && !policy.Preempt || stops > spare {
		t.Fatalf("%s: %d moves and %d stops, allowed are %+v with %d spare", plan, moves, stops, policy, spare)
	}
	return after
}
