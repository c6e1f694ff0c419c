package place

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/topology"
)

var (
	noRemedy       = remedy{always(none), nil}
	labelRemedy    = remedy{labelCost, cureLabels}
	runtimeRemedy  = remedy{always(costRepair), cureRuntime}
	cpuRemedy      = remedy{cpuCost, cureCPUs}
	hostRemedy     = remedy{hostCost, cureHost}
	avoidRemedy    = remedy{always(costRepair), cureAvoid}
	livenessRemedy = remedy{always(costRepair), cureLiveness}
	cordonRemedy   = remedy{always(costSetting), cureCordon}
	reservedRemedy = remedy{always(costStop), cureReserved}
	freeRemedy     = remedy{freeCost, cureFree}
	diskRemedy     = remedy{always(costRepair), cureDisk}
)

// always is a remedy that costs the same everywhere.
func always(n int) func(*Run, *fleet.Node, *offer) int {
	return func(*Run, *fleet.Node, *offer) int { return n }
}

func cureRuntime(v *Run, m *fleet.Node, _ *offer) string {
	return fmt.Sprintf("make %s work on %s", cmp.Or(v.class.runtime, "docker"), m.ID())
}

// nodeLabel is the label that every node carries with its own id.
const nodeLabel = "node"

// labelCost: a node that was named cannot be had by labelling another.
func labelCost(v *Run, m *fleet.Node, _ *offer) int {
	missing := v.missingLabels(m)
	for _, l := range missing {
		if l.Key == nodeLabel {
			return none
		}
	}
	return costSetting + len(missing)
}

func cureLabels(v *Run, m *fleet.Node, _ *offer) string {
	var missing []string
	for _, l := range v.missingLabels(m) {
		missing = append(missing, l.Key+"="+l.Value)
	}
	return fmt.Sprintf("label %s %s", m.ID(), strings.Join(missing, " "))
}

func (v *Run) missingLabels(m *fleet.Node) (missing []fleet.Label) {
	for _, l := range v.class.labels {
		if got, ok := m.Report().Labels[l.Key]; !ok || got != l.Value {
			missing = append(missing, l)
		}
	}
	return missing
}

func cureCordon(_ *Run, m *fleet.Node, _ *offer) string {
	return fmt.Sprintf("uncordon %s (cordoned: %s)", m.ID(), m.Report().Cordon)
}

func cureLiveness(_ *Run, m *fleet.Node, _ *offer) string {
	return fmt.Sprintf("bring %s back (%s)", m.ID(), m.Report().Liveness)
}

func cureAvoid(v *Run, m *fleet.Node, _ *offer) string {
	return fmt.Sprintf("mend %s (avoided: %s)", m.ID(), v.request.Avoid[m.ID()])
}

func cureReserved(_ *Run, m *fleet.Node, _ *offer) string {
	return fmt.Sprintf("stop %s, which room on %s is reserved for", m.Class().For, m.ID())
}

func cureDisk(v *Run, m *fleet.Node, _ *offer) string {
	return fmt.Sprintf("free %s of disk on %s", bytesText(v.class.disk-m.DiskFree()), m.ID())
}

func cpuCost(v *Run, m *fleet.Node, _ *offer) int {
	if m.Hardware().CPUs < v.class.cpus {
		return none
	}
	return costUnclear
}

func cureCPUs(v *Run, m *fleet.Node, _ *offer) string {
	short := v.class.cpus - m.Class().Spare
	return fmt.Sprintf("free %d claimed %s on %s", short, plural(short, "CPU", "CPUs"), m.ID())
}

func hostCost(v *Run, m *fleet.Node, _ *offer) int {
	if m.Hardware().HostBytes < v.class.host {
		return none
	}
	return costUnclear
}

func cureHost(v *Run, m *fleet.Node, _ *offer) string {
	short := v.class.host - min(v.class.host, m.Class().Host)
	if m.Report().HostFree != 0 {
		short = max(short, v.class.host-min(v.class.host, m.Report().HostFree))
	}
	return fmt.Sprintf("free %s of host memory on %s", bytesText(short), m.ID())
}

// freeCost looks for one thing that frees enough GPUs: a replica that is
// stopping already, GPUs that could be mended, a replica to stop.
func freeCost(v *Run, m *fleet.Node, o *offer) int {
	short := v.class.perRank() - o.free
	holder, held := v.smallestHolder(m, o, short)
	switch {
	case holder.Stopping():
		return costSetting
	case mendable(m, o).Count() >= short:
		return costRepair + short
	case holder.Node != nil:
		return costStop + held
	}
	return costUnclear + short
}

func cureFree(v *Run, m *fleet.Node, o *offer) string {
	short := v.class.perRank() - o.free
	lead := fmt.Sprintf("%d more free %s on one node: ", short, plural(short, "GPU", "GPUs"))
	if v.class.share > 0 {
		lead = bytesText(v.class.share) + " free on one GPU: "
	}
	holder, _ := v.smallestHolder(m, o, short)
	idle := mendable(m, o)
	switch {
	case holder.Stopping():
		return fmt.Sprintf("%s%s is stopping on %s", lead, holder.Name(), m.ID())
	case idle.Count() >= short:
		return lead + mend(m, idle, short)
	case holder.Node != nil:
		return fmt.Sprintf("%sstop %s on %s", lead, holder.Name(), m.ID())
	}
	if v.class.share > 0 {
		return fmt.Sprintf("free %s on one GPU of %s", bytesText(v.class.share), m.ID())
	}
	// What nobody holds cannot be freed by stopping anybody.
	broken := max(0, min(short-heldIn(m, o), idle.Count()))
	text := fmt.Sprintf("free %d more %s on %s%s", short-broken, plural(short-broken, "GPU", "GPUs"), m.ID(), heldBy(m))
	if broken > 0 {
		text += ", and " + mend(m, idle, broken)
	}
	return text
}

// heldIn counts the GPUs of the offer that somebody holds.
func heldIn(m *fleet.Node, o *offer) int {
	var gpus topology.Mask
	for h := range m.Holders {
		g, _ := h.Holds()
		gpus = gpus.Or(g)
	}
	return gpus.And(o.mask).Count()
}

// maxHolders is how many replicas a remedy names at most.
const maxHolders = 4

// heldBy names the replicas on a node, where they are few.
func heldBy(m *fleet.Node) string {
	var names []string
	for h := range m.Holders {
		names = append(names, h.Name())
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 || len(names) > maxHolders {
		return ""
	}
	return " (held by " + strings.Join(names, ", ") + ")"
}

// smallestHolder finds the claim whose end frees enough GPUs of the pool and
// takes the fewest from others; one that is stopping comes first.
func (v *Run) smallestHolder(m *fleet.Node, o *offer, short int) (best fleet.Holder, held int) {
	for h := range m.Holders {
		n := v.frees(h, o)
		if n < short || v.sameDeployment(h) {
			continue
		}
		if best.Node == nil || h.Stopping() && !best.Stopping() || h.Stopping() == best.Stopping() && before(h, n, best, held) {
			best, held = h, n
		}
	}
	return best, held
}

// frees counts the GPUs that would serve when the holder has left.
func (v *Run) frees(h fleet.Holder, o *offer) int {
	gpus, share := h.Holds()
	gpus = gpus.And(o.mask).Without(h.Node.Broken())
	if share == 0 {
		return gpus.Count()
	}
	n := 0
	for d := range gpus.All {
		left := h.Node.Room(d) + share
		if v.class.share > 0 && left >= v.class.share || v.class.share == 0 && left >= o.pool.Budget[d] {
			n++
		}
	}
	return n
}

// sameDeployment: stopping one replica for another of its own deployment gains
// nothing.
func (v *Run) sameDeployment(h fleet.Holder) bool {
	id := h.Identity()
	return id.UID == v.request.UID && id.Deployment == v.request.Deployment
}

func before(h fleet.Holder, n int, o fleet.Holder, held int) bool {
	if n != held {
		return n < held
	}
	a, b := h.Identity(), o.Identity()
	return cmp.Or(cmp.Compare(a.ReplicaName(), b.ReplicaName()), cmp.Compare(a.Attempt, b.Attempt)) < 0
}

// mendable are GPUs that nobody claims and that cannot be given out.
func mendable(m *fleet.Node, o *offer) topology.Mask {
	return m.Unclaimed(o.mask.And(m.Broken()))
}

func mend(m *fleet.Node, gpus topology.Mask, n int) string {
	var parts []string
	for d := range gpus.All {
		if len(parts) < n {
			g := m.GPU(d)
			_, why := g.Usable()
			parts = append(parts, fmt.Sprintf("%s of %s (%s)", g.ID, m.ID(), why))
		}
	}
	return "clear " + strings.Join(parts, ", ")
}
