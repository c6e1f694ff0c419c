package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

var (
	noRemedy       = remedy{costs(none), nil}
	labelRemedy    = remedy{labelCost, cureLabels}
	runtimeRemedy  = remedy{costs(costRepair), cureRuntime}
	cpuRemedy      = remedy{cpuCost, cureCPUs}
	hostRemedy     = remedy{hostCost, cureHost}
	avoidRemedy    = remedy{costs(costRepair), cureAvoid}
	livenessRemedy = remedy{costs(costRepair), cureLiveness}
	cordonRemedy   = remedy{costs(costSetting), cureCordon}
	keptRemedy     = remedy{costs(costStop), cureKept}
	freeRemedy     = remedy{freeCost, cureFree}
	diskRemedy     = remedy{costs(costRepair), cureDisk}
)

func costs(n int) func(*round, *member, *offer) int {
	return func(*round, *member, *offer) int { return n }
}

func cureRuntime(v *round, m *member, _ *offer) string {
	return fmt.Sprintf("make %s work on %s", cmp.Or(v.s.runtime, "docker"), m.node.ID)
}

// nodeLabel is the label that every node carries with its own id.
const nodeLabel = "node"

// labelCost: a node that was named cannot be had by labelling another.
func labelCost(v *round, m *member, _ *offer) int {
	missing := v.missingLabels(m)
	for _, l := range missing {
		if l.key == nodeLabel {
			return none
		}
	}
	return costSetting + len(missing)
}

func cureLabels(v *round, m *member, _ *offer) string {
	var missing []string
	for _, l := range v.missingLabels(m) {
		missing = append(missing, l.key+"="+l.value)
	}
	return fmt.Sprintf("label %s %s", m.node.ID, strings.Join(missing, " "))
}

func (v *round) missingLabels(m *member) (missing []condition) {
	for _, l := range v.s.labels {
		if got, ok := m.node.Labels[l.key]; !ok || got != l.value {
			missing = append(missing, l)
		}
	}
	return missing
}

func cureCordon(_ *round, m *member, _ *offer) string {
	return fmt.Sprintf("uncordon %s (cordoned: %s)", m.node.ID, m.node.Cordon)
}

func cureLiveness(_ *round, m *member, _ *offer) string {
	return fmt.Sprintf("bring %s back (%s)", m.node.ID, m.node.Liveness)
}

func cureAvoid(v *round, m *member, _ *offer) string {
	return fmt.Sprintf("mend %s (avoided: %s)", m.node.ID, v.request.Avoid[m.node.ID])
}

func cureKept(v *round, m *member, _ *offer) string {
	return fmt.Sprintf("stop %s, which %s is kept for", v.kept[m.node.ID], m.node.ID)
}

func cureDisk(v *round, m *member, _ *offer) string {
	return fmt.Sprintf("free %s of disk on %s", bytesText(v.s.disk-m.diskFree()), m.node.ID)
}

func cpuCost(v *round, m *member, _ *offer) int {
	if m.chassis.cpus < v.s.cpus {
		return none
	}
	return costUnclear
}

func cureCPUs(v *round, m *member, _ *offer) string {
	short := v.s.cpus - m.class.spare
	return fmt.Sprintf("free %d claimed %s on %s", short, plural(short, "CPU", "CPUs"), m.node.ID)
}

func hostCost(v *round, m *member, _ *offer) int {
	if m.chassis.host < v.s.host {
		return none
	}
	return costUnclear
}

func cureHost(v *round, m *member, _ *offer) string {
	short := v.s.host - min(v.s.host, m.class.host)
	if m.node.HostFree != 0 {
		short = max(short, v.s.host-min(v.s.host, m.node.HostFree))
	}
	return fmt.Sprintf("free %s of host memory on %s", bytesText(short), m.node.ID)
}

// freeCost looks for one thing that frees enough GPUs: a replica that is
// stopping already, GPUs that could be mended, a replica to stop.
func freeCost(v *round, m *member, o *offer) int {
	short := v.s.perRank() - o.free
	holder, held := v.smallestHolder(m, o, short)
	switch {
	case holder.stopping():
		return costSetting
	case m.mendable(o).count() >= short:
		return costRepair + short
	case holder.m != nil:
		return costStop + held
	}
	return costUnclear + short
}

func cureFree(v *round, m *member, o *offer) string {
	short := v.s.perRank() - o.free
	lead := fmt.Sprintf("%d more free %s on one node: ", short, plural(short, "GPU", "GPUs"))
	if v.s.share > 0 {
		lead = bytesText(v.s.share) + " free on one GPU: "
	}
	holder, _ := v.smallestHolder(m, o, short)
	mendable := m.mendable(o)
	switch {
	case holder.stopping():
		return fmt.Sprintf("%s%s is stopping on %s", lead, holder.name(), m.node.ID)
	case mendable.count() >= short:
		return lead + m.mend(mendable, short)
	case holder.m != nil:
		return fmt.Sprintf("%sstop %s on %s", lead, holder.name(), m.node.ID)
	}
	if v.s.share > 0 {
		return fmt.Sprintf("free %s on one GPU of %s", bytesText(v.s.share), m.node.ID)
	}
	// What nobody holds cannot be freed by stopping anybody.
	mend := max(0, min(short-m.heldIn(o), mendable.count()))
	text := fmt.Sprintf("free %d more %s on %s%s", short-mend, plural(short-mend, "GPU", "GPUs"), m.node.ID, m.heldBy())
	if mend > 0 {
		text += ", and " + m.mend(mendable, mend)
	}
	return text
}

// heldIn counts the GPUs of the offer that somebody holds.
func (m *member) heldIn(o *offer) int {
	var gpus mask
	for i := range len(m.held) + len(m.pledged) {
		g, _ := holder{m, i}.holds()
		gpus = gpus.or(g)
	}
	return gpus.and(o.mask).count()
}

// maxHolders is how many replicas a remedy names at most.
const maxHolders = 4

// heldBy names the replicas on a node, where they are few.
func (m *member) heldBy() string {
	var names []string
	for i := range len(m.held) + len(m.pledged) {
		names = append(names, holder{m, i}.name())
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 || len(names) > maxHolders {
		return ""
	}
	return " (held by " + strings.Join(names, ", ") + ")"
}

// holder is a claim of a node, or one that is assumed there.
type holder struct {
	m *member
	i int // in the claims of the report, and then in what is assumed
}

func (h holder) stopping() bool {
	return h.m != nil && h.i < len(h.m.held) && h.m.node.Claims[h.i].Stopping
}

func (h holder) identity() aim.Identity {
	if n := len(h.m.held); h.i >= n {
		return h.m.pledged[h.i-n].claim().Identity
	}
	return h.m.node.Claims[h.i].Identity
}

func (h holder) name() string { return h.identity().ReplicaName() }

// holds is the GPUs that it holds, and the share of the one GPU's memory where
// it does not hold them whole.
func (h holder) holds() (gpus mask, share uint64) {
	if n := len(h.m.held); h.i >= n {
		return h.m.pledged[h.i-n].gpus, h.m.pledged[h.i-n].share
	}
	return h.m.held[h.i].gpus, h.m.held[h.i].share
}

// smallestHolder finds the claim whose end frees enough GPUs of the pool and
// takes the fewest from others; one that is stopping comes first.
func (v *round) smallestHolder(m *member, o *offer, short int) (best holder, held int) {
	for i := range len(m.held) + len(m.pledged) {
		h := holder{m, i}
		n := v.frees(h, o)
		if n < short || v.sameDeployment(h) {
			continue
		}
		if best.m == nil || h.stopping() && !best.stopping() || h.stopping() == best.stopping() && h.before(n, best, held) {
			best, held = h, n
		}
	}
	return best, held
}

// frees counts the GPUs that would serve when the holder has left.
func (v *round) frees(h holder, o *offer) int {
	gpus, share := h.holds()
	gpus = gpus.and(o.mask).without(h.m.broken)
	if share == 0 {
		return gpus.count()
	}
	n := 0
	for d := range gpus.all {
		left := h.m.room(d) + share
		if v.s.share > 0 && left >= v.s.share || v.s.share == 0 && left >= o.pool.budget[d] {
			n++
		}
	}
	return n
}

// sameDeployment: stopping one replica for another of its own deployment gains
// nothing.
func (v *round) sameDeployment(h holder) bool {
	id := h.identity()
	return id.UID == v.request.UID && id.Deployment == v.request.Deployment
}

func (h holder) before(n int, o holder, held int) bool {
	if n != held {
		return n < held
	}
	a, b := h.identity(), o.identity()
	return cmp.Or(cmp.Compare(a.ReplicaName(), b.ReplicaName()), cmp.Compare(a.Attempt, b.Attempt)) < 0
}

// mendable are GPUs that nobody claims and that cannot be given out.
func (m *member) mendable(o *offer) mask {
	broken := o.mask.and(m.broken)
	for i := range m.held {
		broken = broken.without(m.held[i].gpus)
	}
	return broken
}

func (m *member) mend(gpus mask, n int) string {
	var parts []string
	for d := range gpus.all {
		if len(parts) < n {
			g := m.gpu(d)
			_, why := g.Usable()
			parts = append(parts, fmt.Sprintf("%s of %s (%s)", g.ID, m.node.ID, why))
		}
	}
	return "clear " + strings.Join(parts, ", ")
}
