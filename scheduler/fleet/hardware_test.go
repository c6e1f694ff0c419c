package fleet

import (
	"testing"

	"github.com/aim-engine/aim"
)

// TestAMachineIsWhatItIsMadeOf: two reports are of the same machine by what it is, and
// not by what goes on there.
func TestAMachineIsWhatItIsMadeOf(t *testing.T) {
	machine := func(change func(*aim.Node)) *aim.Node {
		numa, vram, used := 0, uint64(192<<30), uint64(1<<30)
		n := aim.Node{ID: "n1", CPUs: 8, HostBytes: 1 << 40, Runtimes: []string{"docker"}, Labels: map[string]string{"zone": "a", "rack": "b"}}
		n.GPUs = []aim.GPU{
			{ID: "g0", PCI: "0", Type: "MI300X", VRAMBytes: &vram, VRAMUsedBytes: &used, CPUNode: &numa, Peers: []aim.Peer{{ID: "g1", Weight: 15}}},
			{ID: "g1", PCI: "1", Type: "MI300X", VRAMBytes: &vram, VRAMUsedBytes: &used, CPUNode: &numa, Peers: []aim.Peer{{ID: "g0", Weight: 15}}},
		}
		change(&n)
		return &n
	}
	more, other := uint64(256<<30), 1
	plain := machine(func(*aim.Node) {})
	for what, change := range map[string]func(*aim.Node){
		"CPUs":           func(n *aim.Node) { n.CPUs++ },
		"host memory":    func(n *aim.Node) { n.HostBytes++ },
		"shares":         func(n *aim.Node) { n.Shares = true },
		"runtimes":       func(n *aim.Node) { n.Runtimes = nil },
		"a label":        func(n *aim.Node) { n.Labels["zone"] = "b" },
		"labels swapped": func(n *aim.Node) { n.Labels = map[string]string{"zone": "b", "rack": "a"} },
		"a GPU gone":     func(n *aim.Node) { n.GPUs = n.GPUs[:1] },
		"the order":      func(n *aim.Node) { n.GPUs[0], n.GPUs[1] = n.GPUs[1], n.GPUs[0] },
		"an id":          func(n *aim.Node) { n.GPUs[1].ID = "g2" },
		"an address":     func(n *aim.Node) { n.GPUs[1].PCI = "2" },
		"the type":       func(n *aim.Node) { n.GPUs[1].Type = "MI325X" },
		"the mode":       func(n *aim.Node) { n.GPUs[1].ComputeMode = "CPX" },
		"the memory":     func(n *aim.Node) { n.GPUs[1].VRAMBytes = &more },
		"the NUMA node":  func(n *aim.Node) { n.GPUs[1].CPUNode = &other },
		"a link":         func(n *aim.Node) { n.GPUs[1].Peers = nil },
	} {
		if machineDigest(machine(change)) == machineDigest(plain) {
			t.Errorf("%s makes no difference", what)
		}
	}
	for what, change := range map[string]func(*aim.Node){
		"claims":      func(n *aim.Node) { n.Claims = []aim.Claim{{GPUs: []string{"g0"}}} },
		"used memory": func(n *aim.Node) { n.GPUs[0].VRAMUsedBytes = &more },
		"health":      func(n *aim.Node) { n.GPUs[0].Health = aim.HealthQuarantined },
		"disk":        func(n *aim.Node) { n.DiskFree = 1 },
		"models":      func(n *aim.Node) { n.Models = []string{"m"} },
		"a cordon":    func(n *aim.Node) { n.Cordon = "why" },
	} {
		if machineDigest(machine(change)) != machineDigest(plain) {
			t.Errorf("%s makes another machine", what)
		}
	}
}
