package control

import (
	"maps"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/preempt"
)

// deploymentsOn names the deployments that hold something in the fleet.
func deploymentsOn(fleet aim.Fleet) []string {
	names := map[string]bool{}
	for _, n := range fleet.Nodes {
		for _, c := range n.Claims {
			names[c.Deployment] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// victimsOf puts together, by the token of its claim, what every ready replica
// would ask for elsewhere and how many of its deployment can be spared. Claims
// of others are left out: nobody can say what they need.
func victimsOf(fleet aim.Fleet, statuses map[string]aim.Status) map[string]preempt.Victim {
	victims := map[string]preempt.Victim{}
	for _, n := range fleet.Nodes {
		for _, c := range n.Claims {
			s, known := statuses[c.Deployment]
			if known && s.UID == c.UID && readyNow(s, c.Identity) {
				victims[c.Token] = preempt.Victim{Request: requestLike(c, n, s.Spec), Spare: spareOf(s), Minimum: s.Spec.MinAvailable}
			}
		}
	}
	return victims
}

// readyNow tells whether this attempt is the one that serves.
func readyNow(s aim.Status, id aim.Identity) bool {
	return slices.ContainsFunc(s.Replicas, func(r aim.ReplicaStatus) bool {
		return r.Ordinal == id.Ordinal && r.Attempt == id.Attempt && r.Phase == aim.Ready
	})
}

// requestLike asks for what a claim holds.
func requestLike(c aim.Claim, n aim.FleetNode, spec aim.DeploymentSpec) aim.PlacementRequest {
	r := aim.PlacementRequest{
		Deployment: c.Deployment, UID: c.UID, Ordinal: c.Ordinal, Token: c.Token, Nodes: 1,
		GPUs: len(c.GPUs), ShareBytes: c.ShareBytes, CPUs: c.CPUs, HostBytes: c.HostBytes,
		Selector: spec.Selector, Priority: spec.Priority, Model: spec.Model,
	}
	for _, g := range n.GPUs {
		if c.Holds(g.ID) {
			r.GPUType = g.Type
		}
	}
	return r
}

// spareOf is how many replicas may go and leave min_available.
func spareOf(s aim.Status) int {
	ready := 0
	for _, r := range s.Replicas {
		if r.Phase == aim.Ready {
			ready++
		}
	}
	return max(ready-s.Spec.MinAvailable, 0)
}
