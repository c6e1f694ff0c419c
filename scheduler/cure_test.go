package scheduler

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
	"pgregory.net/rapid"
)

// TestACureIsEnough: whoever waits, whoever comes first, and whatever is reserved, one
// who does what a cure says has the replica placed. The cure is carried out here on the
// machines themselves, as an operator would do it.
func TestACureIsEnough(t *testing.T) {
	told := map[aim.CureKind]int{}
	first, behind, without := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWard(rt)
		token := w.patient(rt)
		if token == "" {
			return
		}
		where, waits := w.s.Waiting(token)
		if !waits {
			return
		}
		cures := w.s.Cures(token, w.now)
		switch {
		case where.Position == 1:
			first++
			if told := where.Decision.Remedies; len(cures) == 0 || where.Of == 1 && !reflect.DeepEqual(cures, told) {
				rt.Fatalf("it is first of %d, and is told %v, but enough are %v: %+v", where.Of, told, cures, where.Decision)
			}
		case len(cures) == 0:
			without++
		default:
			behind++
		}
		if len(cures) == 0 {
			return
		}
		cure := rapid.SampledFrom(cures).Draw(rt, "cure")
		for _, s := range cure.Steps {
			told[s.Do]++
			w.do(rt, token, s)
			w.turn()
		}
		if _, still := w.s.Waiting(token); still {
			again, _ := w.s.Waiting(token)
			rt.Fatalf("%q is not enough: %d of %d, %s", cure, again.Position, again.Of, again.Decision)
		}
	})
	t.Logf("%d were first, %d behind others, %d behind others without a cure; steps: %v", first, behind, without, told)
	if behind < 5 || without*10 > behind {
		t.Errorf("%d behind others had a cure, %d had none", behind, without)
	}
}

// ward is a scheduler with random machines, random replicas on them, and some who wait.
type ward struct {
	s     *Scheduler
	now   time.Time
	nodes map[string]aim.FleetNode
	queue map[string]aim.PlacementRequest
}

func newWard(t *rapid.T) *ward {
	w := &ward{s: New(Options{}), now: time.Unix(1000, 0), nodes: map[string]aim.FleetNode{}, queue: map[string]aim.PlacementRequest{}}
	for i := range rapid.IntRange(1, 5).Draw(t, "nodes") {
		n := fleettest.RandomNode(t, fmt.Sprintf("n%d", i))
		for c := range n.Claims { // of six deployments
			k := rapid.IntRange(0, 5).Draw(t, "whose")
			n.Claims[c].Identity = aim.Identity{Deployment: fmt.Sprint("d", k), UID: fmt.Sprint("u", k), Ordinal: i*100 + c, Token: fmt.Sprint("c", i, ".", c)}
			n.Claims[c].Stopping = rapid.IntRange(0, 9).Draw(t, "stopping") == 0
		}
		w.nodes[n.ID] = n
		w.s.Apply(n)
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "who wait") {
		r := fleettest.RandomRequest(t)
		r.Deployment, r.UID, r.Token, r.AskedAt = fmt.Sprint("w", i), fmt.Sprint("uw", i), fmt.Sprint("t", i), int64(i)
		r.Priority = rapid.IntRange(0, 1).Draw(t, "priority")
		if d := w.s.Place(r, w.now); d.Outcome != aim.Place {
			w.s.Wait(r)
			w.queue[r.Token] = r
		} else {
			w.claimed(r, d)
		}
	}
	w.turn()
	return w
}

// turn lets those who have their turn claim what they were given.
func (w *ward) turn() {
	for _, g := range w.s.Turn(w.now) {
		w.claimed(g.Request, g.Decision)
	}
}

// claimed writes a placement down on the machines, as their agents would.
func (w *ward) claimed(r aim.PlacementRequest, d aim.Decision) {
	delete(w.queue, r.Token)
	for i, rank := range d.Placement.Ranks {
		n := w.nodes[rank.Node]
		n.Claims = append(slices.Clone(n.Claims), aim.Claim{
			Identity: aim.Identity{Deployment: r.Deployment, UID: r.UID, Ordinal: r.Ordinal, Rank: i, Token: r.Token},
			GPUs:     rank.GPUs, ShareBytes: rank.ShareBytes, CPUs: r.CPUs, HostBytes: r.HostBytes,
		})
		n.ClaimCPUs += r.CPUs
		n.ClaimBytes += r.HostBytes
		w.nodes[rank.Node] = n
		w.s.Apply(n)
	}
}

func (w *ward) patient(t *rapid.T) string {
	if len(w.queue) == 0 {
		return ""
	}
	return rapid.SampledFrom(slices.Sorted(maps.Keys(w.queue))).Draw(t, "who asks")
}

// do is what an operator does.
func (w *ward) do(t *rapid.T, token string, s aim.CureStep) {
	n, node := w.nodes[s.Node]
	n.GPUs = slices.Clone(n.GPUs)
	switch s.Do {
	case aim.CureStop:
		if s.Command != "aim stop "+s.Deployment {
			t.Fatalf("stop by %q", s.Command)
		}
		w.end(s.Deployment, false)
		return
	case aim.CureAwait:
		w.end(s.Deployment, true)
		return
	case aim.CureJoin:
		w.joined(w.queue[token])
		return
	case aim.CureRetry:
		r := w.queue[token]
		r.Avoid = maps.Clone(r.Avoid)
		delete(r.Avoid, s.Node)
		w.queue[token] = r
		w.s.Wait(r)
		return
	case aim.CureUncordon:
		n.Cordon = ""
	case aim.CureLabel:
		n.Labels = maps.Clone(n.Labels)
		maps.Copy(n.Labels, s.Labels)
	case aim.CureRevive:
		n.Liveness = aim.Alive
	case aim.CureRuntime:
		n.Runtimes = []string{"docker", "process"}
	case aim.CureDisk:
		n.DiskFree += s.Bytes
	case aim.CureMemory:
		n.HostFree += s.Bytes
	case aim.CureClear, aim.CureEnd, aim.CureMend:
		for i := range n.GPUs {
			if slices.Contains(s.GPUs, n.GPUs[i].ID) {
				n.GPUs[i].Health, n.GPUs[i].Busy = aim.HealthOK, nil
				if size := uint64(192 << 30); n.GPUs[i].VRAMBytes == nil {
					n.GPUs[i].VRAMBytes = &size
				}
			}
		}
	default:
		t.Fatalf("what is %q?", s.Do)
	}
	if !node {
		t.Fatalf("%q is about no node", s.Text)
	}
	w.nodes[s.Node] = n
	w.s.Apply(n)
}

// end ends the replicas of a deployment, or those of them that are stopping.
func (w *ward) end(name string, stopping bool) {
	for _, r := range w.queue {
		if r.Deployment == name && !stopping {
			w.s.Cancel(&r)
			delete(w.queue, r.Token)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.nodes)) {
		n := w.nodes[id]
		var left []aim.Claim
		for _, c := range n.Claims {
			if c.Deployment != name || stopping && !c.Stopping {
				left = append(left, c)
				continue
			}
			n.ClaimCPUs -= c.CPUs
			n.ClaimBytes -= c.HostBytes
		}
		n.Claims = left
		w.nodes[id] = n
		w.s.Apply(n)
	}
}

// joined adds machines that are enough for a request by themselves.
func (w *ward) joined(r aim.PlacementRequest) {
	for range max(r.Nodes, 1) {
		n := fleettest.MI300X(1000 + len(w.nodes))
		n.Runtimes, n.Shares, n.Labels, n.DiskFree = []string{"docker", "process"}, true, r.Selector, 1<<60
		for len(n.GPUs) < r.GPUs {
			g := n.GPUs[len(n.GPUs)%8]
			g.ID, g.PCI = fmt.Sprint(g.ID, "b"), fmt.Sprint(g.PCI, "b")
			n.GPUs = append(n.GPUs, g)
		}
		for i := range n.GPUs {
			if r.GPUType != "" {
				n.GPUs[i].Type = r.GPUType
			}
		}
		w.nodes[n.ID] = n
		w.s.Apply(n)
	}
}
