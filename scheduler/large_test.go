package scheduler

import (
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
)

// TestALargeMachineIsStillPlaced: where there are too many sets to try all, runs
// of neighbours are enough.
func TestALargeMachineIsStillPlaced(t *testing.T) {
	n := fleettest.Node(t, "n1 MI300X a........|.a........|.........|........b")
	for _, gpus := range []int{1, 9, 17, 33} {
		d := Place(aim.PlacementRequest{Deployment: "x", GPUs: gpus}, aim.Fleet{Nodes: []aim.FleetNode{n}})
		if d.Outcome != aim.Place || len(d.Placement.Ranks[0].GPUs) != gpus {
			t.Errorf("%d of 34 free GPUs: %+v", gpus, d)
		}
	}
}
