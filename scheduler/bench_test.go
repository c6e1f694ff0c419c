package scheduler

import (
	"fmt"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// halfFull makes a fleet of 8-GPU nodes of which i mod 8 GPUs are claimed.
func halfFull(b *testing.B, nodes int) aim.Fleet {
	b.Helper()
	var f aim.Fleet
	for i := range nodes {
		n := aim.FleetNode{Liveness: aim.Alive}
		n.ID, n.Runtimes, n.DiskFree = fmt.Sprintf("n%05d", i), []string{"docker"}, 1<<40
		for g := range 8 {
			numa, render, vram := g/4, g, uint64(192<<30)
			id := fmt.Sprintf("GPU-%05d-%d", i, g)
			n.GPUs = append(n.GPUs, aim.GPU{
				ID: id, PCI: fmt.Sprint(g), Type: "MI300X", Partitions: 1, Health: aim.HealthOK,
				CPUNode: &numa, RenderMinor: &render, VRAMBytes: &vram, Hive: "h",
			})
			if g < i%8 {
				n.Claims = append(n.Claims, aim.Claim{Identity: aim.Identity{Deployment: "d", UID: "u", Ordinal: g, Token: id}, GPUs: []string{id}})
			}
		}
		f.Nodes = append(f.Nodes, n)
	}
	return f
}

// BenchmarkPlace is one decision from a fleet that has to be prepared first.
func BenchmarkPlace(b *testing.B) {
	for _, nodes := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			fleet := halfFull(b, nodes)
			req := aim.Request{Deployment: "new", UID: "new", Token: "t", GPUs: 2, GPUType: "MI300X"}
			b.ReportAllocs()
			for b.Loop() {
				if d := Place(req, fleet); d.Outcome != aim.Place {
					b.Fatal(d)
				}
			}
		})
	}
}

// BenchmarkScheduler is one decision of a Scheduler that knows the fleet, and
// the refusal that makes room again.
func BenchmarkScheduler(b *testing.B) {
	for _, nodes := range []int{10, 100, 1000, 10_000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			s := New(Options{})
			for _, n := range halfFull(b, nodes).Nodes {
				s.Apply(n)
			}
			req := aim.Request{Deployment: "new", UID: "new", Token: "t", GPUs: 2, GPUType: "MI300X"}
			now := time.Unix(0, 0)
			b.ReportAllocs()
			for b.Loop() {
				d := s.Place(req, now)
				if d.Outcome != aim.Place {
					b.Fatal(d)
				}
				s.Refused("t", d.Placement.Ranks[0].Node)
			}
		})
	}
}
