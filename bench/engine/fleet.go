package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler"
)

// mi300x is a node of eight MI300X as its agent reports it: two NUMA nodes of
// four, all GPUs joined by xGMI.
func mi300x(i int) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID = fmt.Sprintf("n%05d", i)
	n.Address, n.Host, n.Runtimes = fmt.Sprintf("10.0.%d.%d", i/250, i%250), n.ID+".example", []string{"docker"}
	n.Labels = map[string]string{"node": n.ID, "zone": string(rune('a' + i%3))}
	n.CPUs, n.HostBytes, n.HostFree, n.DiskFree = 192, 2<<40, 2<<40-uint64(i)<<20, 10<<40-uint64(i)<<24
	n.Images = []string{"vllm/vllm-openai-rocm:v0.11"}
	if i%4 == 0 {
		n.Models = []string{"Qwen/Qwen3-32B"}
	}
	for g := range 8 {
		numa, render, vram, used, units, target := g/4, 128+g, uint64(192<<30), uint64(297<<20), 304, uint64(90402)
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: gpuID(i, g), UUID: gpuID(i, g), PCI: fmt.Sprintf("0000:%02x:00.0", 5+16*g), Type: "MI300X", Product: "AMD Instinct MI300X",
			DeviceID: "0x74a1", Arch: "gfx942", GFXTargetVersion: &target, KFDNode: 2 + g, KFDID: uint64(i*8 + g), RenderMinor: &render,
			Partitions: 1, ComputeUnits: &units, VRAMBytes: &vram, VRAMUsedBytes: &used, ComputeMode: "SPX", MemoryMode: "NPS1",
			CPUNode: &numa, Hive: "3f1c", Health: aim.HealthOK,
		})
		for step := 1; step < 8; step++ {
			n.GPUs[g].Peers = append(n.GPUs[g].Peers, aim.Peer{ID: gpuID(i, (g+step)%8), Weight: 15})
		}
	}
	return n
}

func gpuID(node, g int) string { return fmt.Sprintf("GPU-%08x%08x", node, g) }

// forever is longer than any measurement: what is assumed stays.
const forever = 1000 * time.Hour

// fleet is a scheduler with replicas that come and go.
type fleet struct {
	s      *scheduler.Scheduler
	rand   *rand.Rand
	gpus   int
	used   int
	live   []aim.PlacementRequest
	number int
}

func newFleet(nodes int) *fleet {
	f := &fleet{s: scheduler.New(scheduler.Options{AssumeFor: forever}), rand: rand.New(rand.NewPCG(1, 2)), gpus: 8 * nodes}
	for i := range nodes {
		f.s.Apply(decoded(mi300x(i)))
	}
	return f
}

// sizes is how many GPUs requests ask for: the mix that the peers were measured
// with.
var sizes = [...]int{1, 1, 1, 1, 2, 2, 4, 8}

// next makes another request, like those of a recipe: CPUs, host memory and
// disk by the GPU.
func (f *fleet) next() aim.PlacementRequest {
	f.number++
	gpus := sizes[f.rand.IntN(len(sizes))]
	r := aim.PlacementRequest{
		Deployment: fmt.Sprint("d", f.number), UID: "u", Token: fmt.Sprint("t", f.number), GPUs: gpus, Nodes: 1, GPUType: "MI300X",
		VRAMBytes: 100 << 30, CPUs: 16 * gpus, HostBytes: uint64(gpus) * 64 << 30, DiskBytes: uint64(gpus) * 100 << 30,
		AskedAt: int64(f.number), Image: "vllm/vllm-openai-rocm:v0.11",
	}
	if f.number%4 == 0 {
		r.Model = "Qwen/Qwen3-32B"
	}
	return r
}

// place lets one come.
func (f *fleet) place(r aim.PlacementRequest) aim.Decision {
	d := f.s.Propose(r, time.Time{})
	if d.Outcome == aim.Place {
		f.live = append(f.live, r)
		f.used += r.GPUs * r.Nodes
	}
	return d
}

// fillTo lets replicas come until that much of the fleet is taken, and ends
// some at random where it is more.
func (f *fleet) fillTo(share float64) {
	for f.used < int(share*float64(f.gpus)) {
		f.place(f.next())
	}
	for f.used > int(share*float64(f.gpus)) {
		f.endOne()
	}
}

func (f *fleet) endOne() {
	i := f.rand.IntN(len(f.live))
	r := f.live[i]
	f.live[i] = f.live[len(f.live)-1]
	f.live = f.live[:len(f.live)-1]
	f.used -= r.GPUs * r.Nodes
	f.s.Cancel(&r)
}
