package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

func noCure(wish, assessment) (string, int) { return "", 0 }

// Costs, by trouble: nobody is hurt, somebody has to go and look, a replica
// stops.
const (
	costSetting = 0
	costRepair  = 100
	costStop    = 200
	costUnclear = 300
)

func cureRuntime(w wish, a assessment) (string, int) {
	return fmt.Sprintf("make %s work on %s", cmp.Or(w.Runtime, "docker"), a.view.node.ID), costRepair
}

func cureLabels(w wish, a assessment) (string, int) {
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(w.Selector)) {
		if got, ok := a.view.node.Labels[key]; !ok || got != w.Selector[key] {
			missing = append(missing, key+"="+w.Selector[key])
		}
	}
	return fmt.Sprintf("label %s %s", a.view.node.ID, strings.Join(missing, " ")), costSetting + len(missing)
}

func cureCordon(_ wish, a assessment) (string, int) {
	return fmt.Sprintf("uncordon %s (cordoned: %s)", a.view.node.ID, a.view.node.Cordon), costSetting
}

func cureLiveness(_ wish, a assessment) (string, int) {
	return fmt.Sprintf("bring %s back (%s)", a.view.node.ID, a.view.node.Liveness), costRepair
}

func cureAvoid(w wish, a assessment) (string, int) {
	return fmt.Sprintf("mend %s (avoided: %s)", a.view.node.ID, w.Avoid[a.view.node.ID]), costRepair
}

func cureKept(w wish, a assessment) (string, int) {
	return fmt.Sprintf("stop %s, which %s is kept for", w.kept[a.view.node.ID], a.view.node.ID), costStop
}

func cureDisk(w wish, a assessment) (string, int) {
	return fmt.Sprintf("free %s of disk on %s", bytesText(w.DiskBytes-a.view.node.DiskFree), a.view.node.ID), costRepair
}

func cureCPUs(w wish, a assessment) (string, int) {
	n := a.view.node
	if n.CPUs < w.CPUs {
		return "", 0
	}
	short := w.CPUs + n.ClaimCPUs - n.CPUs
	return fmt.Sprintf("free %d claimed %s on %s", short, plural(short, "CPU", "CPUs"), n.ID), costUnclear
}

func cureHost(w wish, a assessment) (string, int) {
	n := a.view.node
	if n.HostBytes < w.HostBytes {
		return "", 0
	}
	var short uint64
	if n.HostFree != 0 {
		short = w.HostBytes - min(w.HostBytes, n.HostFree)
	}
	if claimed := w.HostBytes + n.ClaimBytes; claimed > n.HostBytes {
		short = max(short, claimed-n.HostBytes)
	}
	return fmt.Sprintf("free %s of host memory on %s", bytesText(short), n.ID), costUnclear
}

// cureFree looks for one thing that frees enough GPUs: a replica that is
// stopping already, GPUs that could be mended, a replica to stop.
func cureFree(w wish, a assessment) (string, int) {
	short := w.GPUs - a.offer.free
	lead := fmt.Sprintf("%d more free %s on one node: ", short, plural(short, "GPU", "GPUs"))
	node := a.view.node.ID
	claim, held := smallestHolder(w, a, short)
	if claim != nil && claim.Stopping {
		return fmt.Sprintf("%s%s is stopping on %s", lead, claim.ReplicaName(), node), costSetting
	}
	if gpus := mendable(w, a); len(gpus) >= short {
		return lead + mend(gpus[:short], a.view.node), costRepair + short
	}
	if claim != nil {
		return fmt.Sprintf("%sstop %s on %s", lead, claim.ReplicaName(), node), costStop + held
	}
	return fmt.Sprintf("free %d more %s on %s", short, plural(short, "GPU", "GPUs"), node), costUnclear + short
}

// smallestHolder finds the claim whose end frees enough GPUs of the pool and
// takes the fewest from others; one that is stopping comes first.
func smallestHolder(w wish, a assessment, short int) (best *aim.Claim, held int) {
	claims := a.view.node.Claims
	for i := range claims {
		c := &claims[i]
		if c.Deployment == w.Deployment && c.UID == w.UID {
			continue // stopping one replica for another of the same deployment gains nothing
		}
		n := 0
		for _, d := range a.offer.pool.devices {
			if usable, _ := d.gpu.Usable(); usable && d.suits(w.VRAMBytes) && c.Holds(d.gpu.ID) {
				n++
			}
		}
		if n < short {
			continue
		}
		if best == nil || less(c, n, best, held) {
			best, held = c, n
		}
	}
	return best, held
}

func less(a *aim.Claim, n int, b *aim.Claim, held int) bool {
	if a.Stopping != b.Stopping {
		return a.Stopping
	}
	return cmp.Or(cmp.Compare(n, held), cmp.Compare(a.ReplicaName(), b.ReplicaName()), cmp.Compare(a.Attempt, b.Attempt)) < 0
}

// mendable lists GPUs of the pool that nobody claims and that are not usable.
func mendable(w wish, a assessment) []*aim.GPU {
	var gpus []*aim.GPU
	for _, d := range a.offer.pool.devices {
		usable, _ := d.gpu.Usable()
		if _, claimed := a.view.node.Holder(d.gpu.ID); !usable && !claimed && d.suits(w.VRAMBytes) {
			gpus = append(gpus, d.gpu)
		}
	}
	return gpus
}

func mend(gpus []*aim.GPU, n *aim.FleetNode) string {
	var parts []string
	for _, g := range gpus {
		_, why := g.Usable()
		parts = append(parts, fmt.Sprintf("%s of %s (%s)", g.ID, n.ID, why))
	}
	return "clear " + strings.Join(parts, ", ")
}
