package aim

import "testing"

// A GPU that is shared names all its holders, in one order whoever claimed
// first: a fleet's page must not change from one look to the next.
func TestASharedGPUNamesItsHoldersInOrder(t *testing.T) {
	gpu := GPU{ID: "g", Health: HealthOK}
	hold := func(deployment string) Claim {
		return Claim{Identity: Identity{Deployment: deployment}, GPUs: []string{"g"}}
	}
	n := FleetNode{Liveness: Alive, Node: Node{Claims: []Claim{hold("second"), hold("first")}}}
	if state, who := n.StateOf(gpu); state != GPUClaimed || who != "first/0 second/0" {
		t.Errorf("the GPU is %s by %q", state, who)
	}
}
