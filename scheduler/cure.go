package scheduler

import (
	"fmt"
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// The cures of a decision are found as if nobody else came first. For one who waits
// behind others that is not enough:
//
//	w1 (1 GPU)   1 of 2       "aim stop r1a" alone gives n1 to w1, and w2 still waits
//	w2 (8 GPUs)  2 of 2       so its cure is "aim stop r1a and aim stop w1"
//
// So each cure is tried on a Fork, and where others go ahead, the next one is added.

// maxSteps is how many steps may be added to a cure for the sake of those who come
// first, or who slip in between two of its steps: a longer list helps nobody.
const maxSteps = 8

// Cures says what would give a request that waits its turn: each of them has been
// carried out on a Fork, in which the request was then placed. There may be none.
func (s *Scheduler) Cures(token string, now time.Time) []aim.Cure {
	where, waits := s.Waiting(token)
	if !waits {
		return nil
	}
	var cures []aim.Cure
	for _, c := range where.Decision.Remedies {
		if where.Position > 1 && joins(c) {
			continue // who comes first may want that machine as well
		}
		c, ok := s.treat(token, c, false, now)
		if known := func(o aim.Cure) bool { return o.String() == c.String() }; ok && !slices.ContainsFunc(cures, known) {
			cures = append(cures, c)
		}
	}
	if len(cures) == 0 && where.Position > 1 {
		return s.curesAsFirst(token, now)
	}
	return cures
}

// curesAsFirst is the last resort: those who come first give up waiting.
func (s *Scheduler) curesAsFirst(token string, now time.Time) []aim.Cure {
	var cure aim.Cure
	for _, name := range s.queue.Ahead(token) {
		cure.Steps = append(cure.Steps, aim.CureStep{Do: aim.CureStop, Deployment: name, Command: "aim stop " + name})
	}
	if len(cure.Steps) >= maxSteps {
		return nil
	}
	if cure, ok := s.treat(token, cure, true, now); ok {
		return []aim.Cure{cure}
	}
	return nil
}

// treat completes a cure until it is enough in whatever order the machines tell that
// a deployment has left them: who comes first has what is free first, and what is left
// depends on it.
func (s *Scheduler) treat(token string, cure aim.Cure, first bool, now time.Time) (aim.Cure, bool) {
	for steps := -1; steps != len(cure.Steps); {
		steps = len(cure.Steps)
		for o := range s.orders(cure) {
			t := treatment{Scheduler: s.Fork(), token: token, ahead: s.queue.Names(), first: first, order: o, now: now}
			var ok bool
			if cure, ok = t.complete(cure); !ok {
				return cure, false
			}
		}
	}
	return cure, true
}

// maxOrders bounds the orders in which the machines of a deployment are tried: all
// there are of three.
const maxOrders = 6

// orders is how many orders there are to try: all machines at once, and one after the
// other, up and down, from each of them.
func (s *Scheduler) orders(c aim.Cure) int {
	most := 0
	for _, step := range c.Steps {
		if step.Do != aim.CureStop {
			continue
		}
		on := 0
		for _, n := range s.Snapshot().Nodes {
			if slices.ContainsFunc(n.Claims, func(c aim.Claim) bool { return c.Deployment == step.Deployment }) {
				on++
			}
		}
		most = max(most, on)
	}
	if most < 2 {
		return 1
	}
	return 1 + min(2*most, maxOrders)
}

// inOrder is machines in the o-th order, from 1.
func inOrder(nodes []aim.FleetNode, o int) []aim.FleetNode {
	nodes = slices.Clone(nodes)
	if o%2 == 0 {
		slices.Reverse(nodes)
	}
	from := (o - 1) / 2 % max(len(nodes), 1)
	return slices.Concat(nodes[from:], nodes[:from])
}

func joins(c aim.Cure) bool {
	return slices.ContainsFunc(c.Steps, func(s aim.CureStep) bool { return s.Do == aim.CureJoin })
}

// treatment is a cure that is tried on a Fork.
type treatment struct {
	*Scheduler
	token   string
	ahead   map[string]bool        // deployments that waited before anything was done
	granted []aim.PlacementRequest // who has had a place by it
	first   bool                   // nobody comes first any more
	order   int                    // in which machines tell; 0 = all at once
	now     time.Time
}

// complete carries a cure out, and adds to it until the request has its place.
func (t *treatment) complete(cure aim.Cure) (aim.Cure, bool) {
	cure.Steps = slices.Clone(cure.Steps)
	most := len(cure.Steps) + maxSteps
	for done := 0; done < len(cure.Steps) && len(cure.Steps) <= most; {
		for ; done < len(cure.Steps); done++ {
			t.carryOut(&cure.Steps[done])
			t.turn() // nobody waits for the next step
		}
		where, waits := t.Waiting(t.token)
		if !waits {
			return cure, true
		}
		if more := where.Decision.Remedies; len(more) > 0 && (t.first || !joins(more[0])) {
			cure.Steps = append(cure.Steps, more[0].Steps...)
		}
	}
	return cure, false
}

func (t *treatment) turn() {
	for _, g := range t.Turn(t.now) {
		t.granted = append(t.granted, g.Request)
	}
}

// carryOut does to the fleet what a step does.
func (t *treatment) carryOut(step *aim.CureStep) {
	switch step.Do {
	case aim.CureStop:
		t.stop(step)
	case aim.CureAwait:
		t.Leave(func(c aim.Claim) bool { return c.Deployment == step.Deployment && c.Stopping })
	case aim.CureRetry:
		t.queue.Retry(t.token, step.Node)
	case aim.CureJoin:
		req, _ := t.queue.Request(t.token)
		for range max(req.Nodes, 1) {
			t.Apply(machineFor(req, t.fleet.Len()))
		}
	default:
		if n := t.fleet.Node(step.Node); n != nil {
			t.Apply(mended(*n.Report(), *step))
		}
	}
}

// stop ends a deployment: its claims, its waiting, and the place that it has just had.
func (t *treatment) stop(step *aim.CureStep) {
	if t.ahead[step.Deployment] {
		step.Text = step.Deployment + " comes first in the queue"
	}
	t.queue.Drop(step.Deployment)
	for i := range t.granted {
		if t.granted[i].Deployment == step.Deployment {
			t.Cancel(&t.granted[i])
		}
	}
	goes := func(c aim.Claim) bool { return c.Deployment == step.Deployment }
	if t.order == 0 {
		t.Leave(goes)
		return
	}
	var on []aim.FleetNode
	for _, n := range t.Snapshot().Nodes {
		if slices.ContainsFunc(n.Claims, goes) {
			on = append(on, n)
		}
	}
	for _, n := range inOrder(on, t.order) {
		n, _ = t.Snapshot().Find(n.ID) // with those whom an earlier one has given their turn
		t.Apply(withoutClaims(n, goes))
		t.turn()
	}
}

// mended is a node after a step that is about it alone.
func mended(n aim.FleetNode, step aim.CureStep) aim.FleetNode {
	switch step.Do {
	case aim.CureUncordon:
		n.Cordon = ""
	case aim.CureLabel:
		labels := map[string]string{}
		for _, from := range []map[string]string{n.Labels, step.Labels} {
			for k, v := range from {
				labels[k] = v
			}
		}
		n.Labels = labels
	case aim.CureRevive:
		n.Liveness = aim.Alive
	case aim.CureRuntime:
		n.Runtimes = []string{"docker", "process"}
	case aim.CureDisk:
		n.DiskFree += step.Bytes
	case aim.CureMemory:
		n.HostFree += step.Bytes
	case aim.CureClear, aim.CureEnd, aim.CureMend:
		n.GPUs = slices.Clone(n.GPUs)
		for i := range n.GPUs {
			if g := &n.GPUs[i]; slices.Contains(step.GPUs, g.ID) {
				g.Health, g.HealthReason, g.Busy = aim.HealthOK, "", nil
				g.RenderMinor, g.VRAMBytes = known(g.RenderMinor, 0), known(g.VRAMBytes, 192<<30)
			}
		}
	}
	return n
}

// known is what a GPU that has been mended tells again.
func known[T any](p *T, usual T) *T {
	if p == nil {
		return &usual
	}
	return p
}

// machineFor is a machine that would do, with nothing on it.
func machineFor(req aim.PlacementRequest, number int) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID = fmt.Sprintf("joined %d", number)
	n.Runtimes, n.Shares, n.Labels = []string{"docker", "process"}, true, req.Selector
	n.DiskFree = 1 << 60
	kind := req.GPUType
	if kind == "" && len(req.GPUTypes) > 0 {
		kind = req.GPUTypes[0]
	}
	for i := range max(req.GPUs, 1) {
		vram, minor, numa := max(req.VRAMBytes, req.ShareBytes+2*aim.ShareMargin), 128+i, 0
		id := fmt.Sprintf("joined-%d-%d", number, i)
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: id, UUID: id, PCI: fmt.Sprintf("0000:%02x:00.0", i), Type: kind, Partitions: 1, ComputeMode: "SPX", MemoryMode: "NPS1",
			VRAMBytes: &vram, RenderMinor: &minor, CPUNode: &numa, Health: aim.HealthOK,
		})
	}
	return n
}

// Leave takes claims out of the fleet as if their replicas had gone. It is for a Fork:
// what is assumed here counts as reported afterwards.
func (s *Scheduler) Leave(goes func(aim.Claim) bool) {
	for _, n := range s.Snapshot().Nodes {
		if slices.ContainsFunc(n.Claims, goes) {
			s.Apply(withoutClaims(n, goes))
		}
	}
}

func withoutClaims(n aim.FleetNode, goes func(aim.Claim) bool) aim.FleetNode {
	var left []aim.Claim
	for _, c := range n.Claims {
		if !goes(c) {
			left = append(left, c)
			continue
		}
		n.ClaimCPUs -= min(n.ClaimCPUs, c.CPUs)
		n.ClaimBytes -= min(n.ClaimBytes, c.HostBytes)
		for i, g := range n.GPUs { // its own server is no stranger once it is gone
			if slices.Contains(c.GPUs, g.ID) && g.Busy != nil {
				n.GPUs = slices.Clone(n.GPUs)
				n.GPUs[i].Busy = nil
			}
		}
	}
	n.Claims = left
	return n
}
