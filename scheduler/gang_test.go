package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
	"pgregory.net/rapid"
)

// TestNoTwoGangsEachHoldHalf: gangs are placed, claimed rank by rank, refused, given up
// and expire in any order beside single replicas. A gang whose claim is refused, or whose
// placement has expired before all its ranks have claimed, gives up all its claims and
// asks again, as its workflow has to. At no moment do two gangs each hold a rank and lack
// one that the other has; and when those who run end, everybody has a turn.
func TestNoTwoGangsEachHoldHalf(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := &gangs{s: New(Options{}), now: time.Unix(0, 0), nodes: map[string]aim.FleetNode{}, all: map[string]*gang{}}
		for i := range rapid.IntRange(2, 4).Draw(rt, "nodes") {
			g.report(fleettest.Node(t, fmt.Sprintf("n%d MI300X ....|....", i)))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"ask":   g.ask,
			"turn":  func(t *rapid.T) { g.turn(t) },
			"claim": g.claim,
			"end":   g.end,
			"time":  g.pass,
			"":      g.check,
		})
		g.drain(rt)
	})
}

type gangs struct {
	s     *Scheduler
	now   time.Time
	nodes map[string]aim.FleetNode // what the ledgers say
	all   map[string]*gang         // by token
	n     int
}

// gang is a replica over some nodes and what has become of it.
type gang struct {
	request aim.PlacementRequest
	placed  *aim.Placement // nil while it waits
	held    map[int]bool   // ranks that nodes have admitted
}

func (g *gangs) report(n aim.FleetNode) {
	g.nodes[n.ID] = n
	g.s.Apply(n)
}

func (g *gangs) ask(t *rapid.T) {
	g.n++
	r := aim.PlacementRequest{
		Deployment: fmt.Sprint("d", g.n), UID: "u", Token: fmt.Sprint("t", g.n), AskedAt: int64(g.n),
		Nodes: min(rapid.IntRange(1, 3).Draw(t, "ranks"), len(g.nodes)), GPUs: rapid.SampledFrom([]int{2, 4, 8}).Draw(t, "gpus"),
	}
	g.all[r.Token] = &gang{request: r, held: map[int]bool{}}
	g.place(g.all[r.Token])
}

// place asks for a place, and waits where there is none.
func (g *gangs) place(x *gang) {
	if d := g.s.Place(x.request, g.now); d.Outcome == aim.Place {
		x.placed = d.Placement
		return
	}
	x.placed = nil
	g.s.Wait(x.request)
}

func (g *gangs) turn(t *rapid.T) {
	g.pass(t)
	for _, granted := range g.s.Turn(g.now) {
		x := g.all[granted.Request.Token]
		if x.placed != nil {
			t.Fatalf("%s has its turn twice", granted.Request.Token)
		}
		x.placed = granted.Decision.Placement
	}
}

// pass lets time go by. A placement that is not claimed in time is none any more.
func (g *gangs) pass(t *rapid.T) {
	g.now = g.now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "seconds")) * time.Second)
	for _, token := range g.s.Expire(g.now) {
		g.release(g.all[token])
		g.place(g.all[token])
	}
}

// pick is one of the gangs that have a place.
func (g *gangs) pick(t *rapid.T) *gang {
	tokens := slices.DeleteFunc(slices.Sorted(maps.Keys(g.all)), func(token string) bool { return g.all[token].placed == nil })
	if len(tokens) == 0 {
		t.Skip("nobody has a place")
	}
	return g.all[rapid.SampledFrom(tokens).Draw(t, "gang")]
}

// claim lets one rank claim its GPUs; the node admits what is free.
func (g *gangs) claim(t *rapid.T) {
	x := g.pick(t)
	rank := rapid.IntRange(0, len(x.placed.Ranks)-1).Draw(t, "rank")
	if x.held[rank] {
		t.Skip("it has them")
	}
	r := x.placed.Ranks[rank]
	n := g.nodes[r.Node]
	for _, c := range n.Claims {
		for _, id := range r.GPUs {
			if c.Holds(id) {
				g.release(x)
				g.s.Refused(&x.request, r.Node)
				g.place(x)
				return
			}
		}
	}
	n.Claims = append(slices.Clone(n.Claims), aim.Claim{
		Identity: aim.Identity{Deployment: x.request.Deployment, UID: "u", Token: x.request.Token, Rank: rank}, GPUs: r.GPUs,
	})
	x.held[rank] = true
	g.report(n)
}

// release ends all claims of a gang.
func (g *gangs) release(x *gang) {
	x.held = map[int]bool{}
	for _, id := range slices.Sorted(maps.Keys(g.nodes)) {
		n := g.nodes[id]
		before := len(n.Claims)
		n.Claims = slices.DeleteFunc(slices.Clone(n.Claims), func(c aim.Claim) bool { return c.Token == x.request.Token })
		if len(n.Claims) != before {
			g.report(n)
		}
	}
}

// end stops a gang for good.
func (g *gangs) end(t *rapid.T) { g.stop(g.pick(t)) }

func (g *gangs) stop(x *gang) {
	g.release(x)
	g.s.Cancel(&x.request)
	delete(g.all, x.request.Token)
}

func (g *gangs) check(t *rapid.T) {
	tokens := slices.Sorted(maps.Keys(g.all))
	for _, a := range tokens {
		for _, b := range tokens {
			if a < b && g.blocks(a, b) && g.blocks(b, a) {
				t.Fatalf("%s and %s each hold what the other lacks", a, b)
			}
		}
	}
}

// blocks tells whether one gang holds GPUs that another lacks which holds some.
func (g *gangs) blocks(one, other string) bool {
	x := g.all[other]
	if x.placed == nil || len(x.held) == 0 {
		return false
	}
	for i, r := range x.placed.Ranks {
		for _, c := range g.nodes[r.Node].Claims {
			if !x.held[i] && c.Token == one && slices.ContainsFunc(r.GPUs, c.Holds) {
				return true
			}
		}
	}
	return false
}

// drain ends who has a place, again and again, until nobody waits.
func (g *gangs) drain(t *rapid.T) {
	for range 3*g.n + 3 {
		for _, token := range slices.Sorted(maps.Keys(g.all)) {
			if x := g.all[token]; x.placed != nil {
				g.stop(x)
			}
		}
		if len(g.all) == 0 {
			return
		}
		g.turn(t)
	}
	t.Fatalf("%v never had a turn", slices.Sorted(maps.Keys(g.all)))
}
