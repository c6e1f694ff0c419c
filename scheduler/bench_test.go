package scheduler

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
)

// churn is a fleet on which replicas of the usual sizes come and go.
type churn struct {
	s            *Scheduler
	rand         *rand.Rand
	live         []aim.PlacementRequest
	used, number int
}

func newChurn(nodes int) *churn {
	c := &churn{s: New(Options{AssumeFor: 1000 * time.Hour}), rand: rand.New(rand.NewPCG(1, 2))}
	for i := range nodes {
		c.s.Apply(fleettest.MI300X(i))
	}
	return c
}

func (c *churn) next() aim.PlacementRequest {
	c.number++
	gpus := []int{1, 1, 1, 1, 2, 2, 4, 8}[c.rand.IntN(8)]
	r := aim.PlacementRequest{
		Deployment: fmt.Sprint("d", c.number), UID: "u", Token: fmt.Sprint("t", c.number), GPUs: gpus, Nodes: 1, GPUType: "MI300X",
		VRAMBytes: 100 << 30, CPUs: 16 * gpus, HostBytes: uint64(gpus) * 64 << 30, DiskBytes: uint64(gpus) * 100 << 30,
		AskedAt: int64(c.number), Image: "vllm",
	}
	if c.number%4 == 0 {
		r.Model = "qwen"
	}
	return r
}

func (c *churn) place(r aim.PlacementRequest) aim.Decision {
	d := c.s.Propose(r, time.Time{})
	if d.Outcome == aim.Place {
		c.live = append(c.live, r)
		c.used += r.GPUs
	}
	return d
}

// hold ends replicas at random until so many GPUs are taken at most.
func (c *churn) hold(gpus int) {
	for c.used > gpus {
		i := c.rand.IntN(len(c.live))
		r := c.live[i]
		c.live[i] = c.live[len(c.live)-1]
		c.live = c.live[:len(c.live)-1]
		c.used -= r.GPUs
		c.s.Cancel(&r)
	}
}

// BenchmarkScheduler is one decision, and the end of as many replicas as it
// takes to keep the fleet as full as it was.
func BenchmarkScheduler(b *testing.B) {
	for _, nodes := range []int{100, 1000, 10_000} {
		for _, percent := range []int{50, 95} {
			b.Run(fmt.Sprintf("nodes=%d/full=%d", nodes, percent), func(b *testing.B) {
				c := newChurn(nodes)
				gpus := nodes * 8 * percent / 100
				for c.used < gpus {
					c.place(c.next())
				}
				for range 10_000 { // until the states have settled and the outlook has learnt
					c.place(c.next())
					c.hold(gpus)
				}
				b.ReportAllocs()
				for b.Loop() {
					c.place(c.next())
					c.hold(gpus)
				}
			})
		}
	}
}

// BenchmarkPlace is one decision on a fleet that has to be prepared first.
func BenchmarkPlace(b *testing.B) {
	for _, nodes := range []int{10, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			c := newChurn(nodes)
			for c.used < nodes*4 {
				c.place(c.next())
			}
			fleet := c.s.Snapshot()
			req := aim.PlacementRequest{Deployment: "new", UID: "new", Token: "t", GPUs: 2, GPUType: "MI300X"}
			for b.Loop() {
				if d := Place(req, fleet); d.Outcome != aim.Place {
					b.Fatal(d)
				}
			}
		})
	}
}

// BenchmarkApply is the news that a claim of one node has come or gone.
func BenchmarkApply(b *testing.B) {
	s := New(Options{})
	var news [2][]aim.FleetNode
	for i := range 10_000 {
		n := fleettest.MI300X(i)
		s.Apply(n)
		news[0] = append(news[0], n)
		n = fleettest.MI300X(i)
		n.Claims = []aim.Claim{{Identity: aim.Identity{Deployment: "d", UID: "u", Token: n.ID}, GPUs: []string{n.GPUs[3].ID}}}
		news[1] = append(news[1], n)
	}
	s.Place(aim.PlacementRequest{GPUs: 1}, time.Time{})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Apply(news[1-i/10_000%2][i%10_000])
		i++
	}
}
