package fleettest

import (
	"fmt"

	"github.com/aim-engine/aim"
	"pgregory.net/rapid"
)

// RandomFleet makes a fleet of every sort of node: mixed types and partition
// modes, GPUs claimed, broken or in a stranger's hands, nodes cordoned or lost.
func RandomFleet(t *rapid.T) aim.Fleet {
	var f aim.Fleet
	for i := range rapid.IntRange(0, 6).Draw(t, "nodes") {
		f.Nodes = append(f.Nodes, RandomNode(t, fmt.Sprintf("n%d", i)))
	}
	return f
}

func RandomNode(t *rapid.T, id string) aim.FleetNode {
	n := aim.FleetNode{Liveness: rapid.SampledFrom([]aim.Liveness{"", aim.Alive, aim.Alive, aim.Alive, aim.Silent, aim.Lost}).Draw(t, "liveness")}
	n.ID = id
	n.Cordon = rapid.SampledFrom([]string{"", "", "", "upgrade"}).Draw(t, "cordon")
	n.Runtimes = rapid.SampledFrom([][]string{{"docker"}, {"docker", "process"}, {"process"}, nil}).Draw(t, "runtimes")
	n.Labels = map[string]string{"zone": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")}
	n.CPUs = rapid.SampledFrom([]int{0, 32, 128}).Draw(t, "cpus")
	n.HostBytes = rapid.SampledFrom([]uint64{0, 100 << 30, 1000 << 30}).Draw(t, "host")
	n.HostFree = n.HostBytes / uint64(rapid.IntRange(1, 4).Draw(t, "host free"))
	n.DiskFree = rapid.SampledFrom([]uint64{0, 500 << 30}).Draw(t, "disk")
	n.Shares = rapid.Bool().Draw(t, "shares")
	n.Images = rapid.SampledFrom([][]string{nil, {"i"}}).Draw(t, "images")
	n.Models = rapid.SampledFrom([][]string{nil, {"m"}}).Draw(t, "models")
	parts := rapid.SampledFrom([]int{1, 1, 1, 2, 4}).Draw(t, "partitions")
	for b := range rapid.IntRange(0, 8).Draw(t, "boards") {
		if rapid.IntRange(0, 9).Draw(t, "other mode") == 0 {
			parts = 5 - min(parts, 4)
		}
		addBoard(t, &n, b, parts)
	}
	for i := range n.GPUs {
		for j := range n.GPUs[:i] {
			if rapid.IntRange(0, 3).Draw(t, "link") > 0 {
				n.GPUs[i].Peers = append(n.GPUs[i].Peers, aim.Peer{ID: n.GPUs[j].ID, Weight: 15})
			}
		}
	}
	return n
}

func addBoard(t *rapid.T, n *aim.FleetNode, board, parts int) {
	kind := rapid.SampledFrom([]string{"MI300X", "MI300X", "MI325X"}).Draw(t, "type")
	vram := uint64(192<<30) / uint64(parts)
	for part := range parts {
		render := len(n.GPUs)
		g := aim.GPU{
			ID: fmt.Sprintf("%s-g%d.%d", n.ID, board, part), UUID: fmt.Sprint(n.ID, "-u", board), PCI: fmt.Sprintf("%02x", board),
			Type: kind, Partition: part, Partitions: parts, RenderMinor: &render, Health: aim.HealthOK,
		}
		if rapid.IntRange(0, 9).Draw(t, "vram known") > 0 {
			g.VRAMBytes = &vram
		}
		if rapid.Bool().Draw(t, "numa known") {
			numa := board / 4
			g.CPUNode = &numa
		}
		switch rapid.IntRange(0, 9).Draw(t, "state") {
		case 0:
			g.Health = aim.HealthUnhealthy
		case 1:
			g.Busy = &aim.Busy{Who: "process 1"}
		case 2, 3, 4:
			c := aim.Claim{Identity: aim.Identity{Deployment: "d", UID: "u", Ordinal: render, Token: g.ID}, GPUs: []string{g.ID}, CPUs: 8, HostBytes: 8 << 30}
			n.Claims = append(n.Claims, c)
			n.ClaimCPUs += c.CPUs
			n.ClaimBytes += c.HostBytes
			if n.Shares && g.VRAMBytes != nil && rapid.Bool().Draw(t, "a share") {
				n.Claims[len(n.Claims)-1].ShareBytes = 10 << 30
			}
		}
		n.GPUs = append(n.GPUs, g)
	}
}

func RandomRequest(t *rapid.T) aim.PlacementRequest {
	return aim.PlacementRequest{
		Deployment: "d", UID: "u", Ordinal: rapid.SampledFrom([]int{0, 99}).Draw(t, "ordinal"), Token: "t",
		ShareBytes: rapid.SampledFrom([]uint64{0, 0, 0, 16 << 30, 100 << 30}).Draw(t, "share"),
		GPUTypes:   rapid.SampledFrom([][]string{nil, nil, {"MI325X", "MI300X"}}).Draw(t, "gpu types"),
		GPUs:       rapid.SampledFrom([]int{0, 1, 1, 2, 4, 8, 11}).Draw(t, "gpus"),
		Nodes:      rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3}).Draw(t, "ranks"),
		GPUType:    rapid.SampledFrom([]string{"", "MI300X", "MI325X"}).Draw(t, "gpu type"),
		VRAMBytes:  rapid.SampledFrom([]uint64{0, 40 << 30, 190 << 30}).Draw(t, "vram"),
		CPUs:       rapid.SampledFrom([]int{0, 16, 64}).Draw(t, "cpus wanted"),
		HostBytes:  rapid.SampledFrom([]uint64{0, 50 << 30, 300 << 30}).Draw(t, "host wanted"),
		DiskBytes:  rapid.SampledFrom([]uint64{0, 100 << 30}).Draw(t, "disk wanted"),
		Selector:   rapid.SampledFrom([]map[string]string{nil, {"zone": "a"}}).Draw(t, "selector"),
		Avoid:      rapid.SampledFrom([]map[string]string{nil, {"n0": "it failed there"}}).Draw(t, "avoid"),
		Runtime:    rapid.SampledFrom([]string{"", "docker"}).Draw(t, "runtime"),
		Model:      rapid.SampledFrom([]string{"", "m"}).Draw(t, "model"),
		Image:      rapid.SampledFrom([]string{"", "i"}).Draw(t, "image"),
	}
}

// MI300X is a node of eight MI300X in two NUMA nodes, all joined by xGMI.
func MI300X(i int) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID, n.Runtimes, n.DiskFree = fmt.Sprintf("n%05d", i), []string{"docker"}, 10<<40
	n.CPUs, n.HostBytes, n.Images = 192, 2<<40, []string{"vllm"}
	if i%4 == 0 {
		n.Models = []string{"qwen"}
	}
	for g := range 8 {
		numa, render, vram := g/4, g, uint64(192<<30)
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: fmt.Sprintf("GPU-%05d-%d", i, g), PCI: fmt.Sprint(g), Type: "MI300X", Partitions: 1, Health: aim.HealthOK,
			CPUNode: &numa, RenderMinor: &render, VRAMBytes: &vram, Hive: "h",
		})
	}
	return n
}
