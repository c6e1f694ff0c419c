package main

import (
	"fmt"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler"
)

// forever is longer than any measurement: what is assumed stays.
const forever = 1000 * time.Hour

// ours is package scheduler.
type ours struct {
	s *scheduler.Scheduler
}

func newOurs(nodes int) (engine, error) {
	s := scheduler.New(scheduler.Options{AssumeFor: forever})
	for i := range nodes {
		s.Apply(mi300x(i))
	}
	return ours{s}, nil
}

func (o ours) place(r request) (time.Duration, bool, error) {
	req := asked(r)
	began := time.Now()
	d := o.s.Propose(req, time.Time{})
	return time.Since(began), d.Outcome == aim.Place, nil
}

func (o ours) end(r request) error {
	req := asked(r)
	o.s.Cancel(&req)
	return nil
}

func (ours) close() {}

func asked(r request) aim.PlacementRequest {
	return aim.PlacementRequest{
		Deployment: fmt.Sprint("d", r.number), UID: "u", Token: fmt.Sprint("t", r.number), AskedAt: int64(r.number), Nodes: 1,
		GPUs: r.gpus, GPUType: "MI300X", VRAMBytes: 100 << 30, Image: image,
		CPUs: r.gpus * cpusPerGPU, HostBytes: uint64(r.gpus) * hostPerGPU, DiskBytes: uint64(r.gpus) * diskPerGPU,
	}
}

// mi300x is a node as its agent reports it: two NUMA nodes of four GPUs, all
// joined by xGMI.
func mi300x(i int) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID = nodeName(i)
	n.Labels = map[string]string{"node": n.ID, "zone": zone(i)}
	n.Runtimes, n.Images = []string{"docker"}, []string{image}
	n.CPUs, n.HostBytes, n.HostFree, n.DiskFree = nodeCPUs, nodeBytes, nodeBytes, nodeDisk
	for g := range perNode {
		numa, render, vram, used := g/4, 128+g, uint64(192<<30), uint64(297<<20)
		gpu := aim.GPU{
			ID: gpuID(i, g), UUID: gpuID(i, g), PCI: fmt.Sprintf("0000:%02x:00.0", 5+16*g), Type: "MI300X", Arch: "gfx942",
			RenderMinor: &render, Partitions: 1, ComputeMode: "SPX", MemoryMode: "NPS1",
			VRAMBytes: &vram, VRAMUsedBytes: &used, CPUNode: &numa, Hive: "3f1c", Health: aim.HealthOK,
		}
		for step := 1; step < perNode; step++ {
			gpu.Peers = append(gpu.Peers, aim.Peer{ID: gpuID(i, (g+step)%perNode), Weight: 15})
		}
		n.GPUs = append(n.GPUs, gpu)
	}
	return n
}

func gpuID(node, g int) string { return fmt.Sprintf("GPU-%08x%08x", node, g) }
