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

// TestRandomHistories drives a Scheduler as control does: replicas come, are
// claimed or refused, wait, end; nodes report late. Whatever the order, no GPU
// is given out twice, and when all have left nothing is held any longer and
// everybody who waited has had a turn.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"ask":     h.ask,
			"turn":    h.turn,
			"claim":   h.claim,
			"refuse":  h.refuse,
			"release": h.release,
			"time":    h.pass,
			"join":    h.join,
			"":        h.check,
		})
		h.drain(rt)
	})
}

// history is a scheduler and the truth about the nodes.
type history struct {
	s        *Scheduler
	now      time.Time
	nodes    map[string]aim.FleetNode
	proposed map[string]aim.Decision // by token; not claimed yet
	request  map[string]aim.PlacementRequest
	waits    map[string]bool
	n        int
}

func newHistory(t *rapid.T) *history {
	h := &history{
		s: New(Options{}), now: time.Unix(0, 0), nodes: map[string]aim.FleetNode{},
		proposed: map[string]aim.Decision{}, request: map[string]aim.PlacementRequest{}, waits: map[string]bool{},
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
		id := fmt.Sprintf("n%d", i)
		h.nodes[id] = historyNode(id)
		h.s.Apply(h.nodes[id])
	}
	return h
}

func historyNode(id string) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID, n.Runtimes, n.CPUs, n.HostBytes, n.DiskFree = id, []string{"docker"}, 64, 64<<30, 1<<40
	n.Shares = true
	for g := range 8 {
		numa, render, vram := g/4, g, uint64(192<<30)
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: fmt.Sprintf("%s-g%d", id, g), PCI: fmt.Sprint(g), Type: "MI300X", Partitions: 1, Health: aim.HealthOK,
			CPUNode: &numa, RenderMinor: &render, VRAMBytes: &vram, Hive: "h",
		})
	}
	return n
}

func (h *history) ask(t *rapid.T) {
	h.n++
	r := aim.PlacementRequest{
		Deployment: fmt.Sprint("d", h.n), UID: fmt.Sprint("u", h.n), Token: fmt.Sprint("t", h.n), AskedAt: int64(h.n),
		GPUs: rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "gpus"), Nodes: rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "ranks"),
		ShareBytes: rapid.SampledFrom([]uint64{0, 0, 0, 60 << 30, 120 << 30}).Draw(t, "share"),
		CPUs:       rapid.IntRange(0, 20).Draw(t, "cpus"), Priority: rapid.IntRange(-1, 1).Draw(t, "priority"),
	}
	if r.Nodes > len(h.nodes) {
		r.Nodes = 1
	}
	h.request[r.Token] = r
	if d := h.s.Place(r, h.now); d.Outcome == aim.Place {
		h.proposed[r.Token] = d
		return
	}
	h.s.Wait(r)
	h.waits[r.Token] = true
}

// join lets another node report for the first time.
func (h *history) join(t *rapid.T) {
	if len(h.nodes) == 5 {
		t.Skip("enough nodes")
	}
	id := fmt.Sprintf("n%d", len(h.nodes))
	h.nodes[id] = historyNode(id)
	h.s.Apply(h.nodes[id])
	h.turn(t)
}

func (h *history) turn(t *rapid.T) {
	for _, g := range h.s.Turn(h.now) {
		if !h.waits[g.Request.Token] {
			t.Fatalf("%s was granted but does not wait", g.Request.Token)
		}
		delete(h.waits, g.Request.Token)
		h.proposed[g.Request.Token] = g.Decision
	}
	h.nobodyOverlooked(t)
}

// nobodyOverlooked: after a turn there is a reason for everybody who still waits.
func (h *history) nobodyOverlooked(t *rapid.T) {
	for token := range h.waits {
		if w, ok := h.s.Waiting(token); !ok || w.Decision.Outcome == aim.Place {
			t.Fatalf("%s waits (%v), but fits: %s", token, ok, w.Decision)
		}
	}
}

// pick takes one of the proposed placements, if there is one.
func (h *history) pick(t *rapid.T) (token string) {
	tokens := slices.Sorted(maps.Keys(h.proposed))
	if len(tokens) == 0 {
		t.Skip("nothing is proposed")
	}
	return rapid.SampledFrom(tokens).Draw(t, "token")
}

// claim lets the nodes admit a placement as their ledgers would, and report it.
func (h *history) claim(t *rapid.T) {
	token := h.pick(t)
	r := h.request[token]
	for i, rank := range h.proposed[token].Placement.Ranks {
		n := h.nodes[rank.Node]
		n.Claims = append(slices.Clone(n.Claims), aim.Claim{
			Identity: aim.Identity{Deployment: r.Deployment, UID: r.UID, Token: token, Rank: i}, GPUs: rank.GPUs,
			ShareBytes: rank.ShareBytes, CPUs: r.CPUs,
		})
		n.ClaimCPUs += r.CPUs
		h.nodes[n.ID] = n
		h.s.Apply(n)
	}
	delete(h.proposed, token)
}

func (h *history) refuse(t *rapid.T) {
	token := h.pick(t)
	r := h.request[token]
	h.s.Refused(&r, h.proposed[token].Placement.Ranks[0].Node)
	delete(h.proposed, token)
}

// release ends all claims of one node.
func (h *history) release(t *rapid.T) {
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(h.nodes))).Draw(t, "node")
	n := h.nodes[id]
	n.Claims, n.ClaimCPUs = nil, 0
	h.nodes[id] = n
	h.s.Apply(n)
}

// pass lets time go by; proposals that nobody claimed for too long are off.
func (h *history) pass(t *rapid.T) {
	h.now = h.now.Add(time.Duration(rapid.IntRange(0, 700).Draw(t, "seconds")) * time.Second)
	for _, token := range h.s.Expire(h.now) {
		delete(h.proposed, token)
	}
}

// check: on every node, claims and proposals together stay within what it has.
func (h *history) check(t *rapid.T) {
	for _, n := range h.s.Snapshot().Nodes {
		holder := map[string]string{}
		shared := map[string]uint64{}
		cpus := 0
		for _, c := range n.Claims {
			cpus += c.CPUs
			for _, gpu := range c.GPUs {
				other, taken := holder[gpu]
				if taken && (c.ShareBytes == 0 || shared[gpu] == 0) {
					t.Fatalf("%s is given to %s and %s", gpu, other, c.Token)
				}
				holder[gpu] = c.Token
				if shared[gpu] += c.ShareBytes; shared[gpu] > 192<<30-aim.ShareMargin {
					t.Fatalf("%d bytes of %s are given out", shared[gpu], gpu)
				}
			}
		}
		if cpus > n.CPUs || cpus != n.ClaimCPUs {
			t.Fatalf("%s has %d CPUs, %d claimed, %d counted", n.ID, n.CPUs, cpus, n.ClaimCPUs)
		}
	}
}

// drain ends everything again and again: whoever waits gets in.
func (h *history) drain(t *rapid.T) {
	for range 2*len(h.request) + 1 {
		h.now = h.now.Add(time.Minute)
		h.s.Expire(h.now)
		h.proposed = map[string]aim.Decision{}
		for _, id := range slices.Sorted(maps.Keys(h.nodes)) {
			n := h.nodes[id]
			n.Claims, n.ClaimCPUs = nil, 0
			h.nodes[id] = n
			h.s.Apply(n)
		}
		if len(h.waits) == 0 {
			break
		}
		h.turn(t)
	}
	if len(h.waits) > 0 {
		t.Fatalf("%v never had a turn on an empty fleet", slices.Sorted(maps.Keys(h.waits)))
	}
	for _, n := range h.s.Snapshot().Nodes {
		if want := h.nodes[n.ID]; len(n.Claims) > 0 || !reflect.DeepEqual(n, want) {
			t.Fatalf("after all have left: %+v, want %+v", n, want)
		}
	}
}

// TestALargeRequestDoesNotStarve: small replicas come and go on a full fleet
// without end; the large one that waits still gets its node.
func TestALargeRequestDoesNotStarve(t *testing.T) {
	s := New(Options{AssumeFor: time.Hour}) // stands for the claims that the nodes would have shown by then
	node := fleettest.Node(t, "n1 MI300X ........")
	node2 := fleettest.Node(t, "n2 MI300X ........")
	s.Apply(node)
	s.Apply(node2)
	now := time.Unix(0, 0)
	var small []aim.PlacementRequest
	for i := range 16 {
		r := aim.PlacementRequest{Deployment: fmt.Sprint("s", i), UID: "u", Token: fmt.Sprint("s", i), GPUs: 1, AskedAt: 1}
		if d := s.Place(r, now); d.Outcome != aim.Place {
			t.Fatalf("small %d: %s", i, d)
		}
		small = append(small, r)
	}
	large := aim.PlacementRequest{Deployment: "large", UID: "l", Token: "l", GPUs: 8, AskedAt: 100}
	s.Wait(large)
	for i := range 200 {
		now = now.Add(time.Second)
		// One small replica ends and another wants its place at once.
		s.Refused(&small[0], nodeOf(s, small[0].Token))
		next := aim.PlacementRequest{Deployment: "x", UID: "u", Token: fmt.Sprint("x", i), GPUs: 1, AskedAt: int64(200 + i)}
		s.Wait(next)
		small = append(small[1:], next)
		for _, g := range s.Turn(now) {
			if g.Request.Token == large.Token {
				return
			}
		}
	}
	t.Fatal("the large request still waits after 200 small ones have come and gone")
}

// nodeOf finds where the token's claim is assumed.
func nodeOf(s *Scheduler, token string) string {
	for _, n := range s.Snapshot().Nodes {
		for _, c := range n.Claims {
			if c.Token == token {
				return n.ID
			}
		}
	}
	return ""
}
