package deployment

import (
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
)

var (
	wide   = aim.Rung{Number: 1, Recipe: "wide", GPUs: 8, Nodes: 1, GPUType: "MI300X"}
	narrow = aim.Rung{Number: 2, Recipe: "narrow", GPUs: 2, Nodes: 1, GPUType: "MI300X", On: []aim.FailureClass{aim.ClassCapacity}}
)

// Each replica is placed as if those before it were there.
func TestPlanPlacesReplicasSideBySide(t *testing.T) {
	p := control.MakePlan(control.OnFleet(clitest.Fleet(8, 8)), aim.DeploymentSpec{Model: "m/m", Replicas: 3}, aim.Ladder{Rungs: []aim.Rung{wide}}, nil, time.Now())
	require.Equal(t, "wide", p.Rung.Recipe)
	require.Len(t, p.Placements, 3)
	require.Equal(t, aim.Place, p.Placements[0].Outcome)
	require.Equal(t, aim.Place, p.Placements[1].Outcome)
	require.NotEqual(t, p.Placements[0].Placement.Ranks[0].Node, p.Placements[1].Placement.Ranks[0].Node)
	require.Equal(t, aim.Wait, p.Placements[2].Outcome)
	require.Equal(t, cli.ExitNoCapacity, cli.CodeOf(planOptions{}.verdict(cli.New(cli.Streams{Out: io.Discard, Err: io.Discard}), p)))
}

// The fleet that was asked for is not touched by planning on it.
func TestPlanChangesNothing(t *testing.T) {
	fleet := clitest.Fleet(8)
	before, err := json.Marshal(fleet)
	require.NoError(t, err)
	control.MakePlan(control.OnFleet(fleet), aim.DeploymentSpec{Model: "m/m", Replicas: 4}, aim.Ladder{Rungs: []aim.Rung{narrow}}, nil, time.Now())
	after, err := json.Marshal(fleet)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
}

// A rung that can never fit is left for the next one that failures of capacity
// lead to.
func TestPlanWalksDownTheLadder(t *testing.T) {
	p := control.MakePlan(control.OnFleet(clitest.Fleet(4)), aim.DeploymentSpec{Model: "m/m"}, aim.Ladder{Rungs: []aim.Rung{wide, narrow}}, nil, time.Now())
	require.Equal(t, "narrow", p.Rung.Recipe)
	require.Len(t, p.Skipped, 1)
	require.Equal(t, "wide", p.Skipped[0].Recipe)
	require.Equal(t, aim.Impossible, p.Skipped[0].Decision.Outcome)
	require.NoError(t, planOptions{}.verdict(cli.New(cli.Streams{Out: io.Discard, Err: io.Discard}), p))
}

// While the best rung has to wait, the plan names one that would not have to.
func TestPlanNamesTheRungThatFitsNow(t *testing.T) {
	fleet := clitest.Fleet(8)
	fleet.Nodes[0].Claims = []aim.Claim{{Identity: aim.Identity{Deployment: "other", UID: "u", Token: "t"}, GPUs: []string{"GPU-10"}}}
	p := control.MakePlan(control.OnFleet(fleet), aim.DeploymentSpec{Model: "m/m"}, aim.Ladder{Rungs: []aim.Rung{wide, narrow}}, nil, time.Now())
	require.Equal(t, "wide", p.Rung.Recipe)
	require.Equal(t, aim.Wait, p.Placements[0].Outcome)
	require.Equal(t, "aim deploy m/m --recipe narrow (rung 2, recipe narrow, fits now on n1)", p.Placements[0].Cures[0])
}

func TestPlanWithoutAnyRoom(t *testing.T) {
	p := control.MakePlan(control.OnFleet(clitest.Fleet(4)), aim.DeploymentSpec{Model: "m/m"}, aim.Ladder{Rungs: []aim.Rung{wide}}, nil, time.Now())
	require.Nil(t, p.Rung)
	require.Len(t, p.Skipped, 1)
	require.Equal(t, cli.ExitNoCapacity, cli.CodeOf(planOptions{}.verdict(cli.New(cli.Streams{Out: io.Discard, Err: io.Discard}), p)))
}
