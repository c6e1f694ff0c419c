package amdgpu

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

const rdmaDir = "sys/class/infiniband"

// nic is an RDMA device of the machine.
type nic struct {
	name string
	path string // folder of its PCI function
	numa fact[int]
	down string // state of its port when it is not up, else ""
}

// nics are the RDMA devices by name; why says why there are none.
type nics struct {
	why string
	all []nic
}

func readNICs(v *view) nics {
	names, err := v.list(rdmaDir)
	if err != nil || len(names) == 0 {
		return nics{why: "this node has no RDMA device"}
	}
	slices.SortFunc(names, compareNames)
	found := nics{}
	for _, name := range names {
		link := rdmaDir + "/" + name
		dir := v.follow(link) // …/0000:03:00.0/infiniband/bnxt_re0
		n := nic{name: name, path: path.Dir(path.Dir(dir)), down: portDown(v, dir)}
		if dir == link {
			n.path = v.follow(link + "/device")
		}
		n.numa = readNUMA(v, n.path+"/numa_node")
		found.all = append(found.all, n)
	}
	return found
}

// portDown returns the state of the first port if that is known and not
// "4: ACTIVE".
func portDown(v *view, dir string) string {
	state := v.text(dir + "/ports/1/state")
	if !state.known() || strings.HasSuffix(state.value, "ACTIVE") {
		return ""
	}
	return state.value
}

// nearest chooses the NIC that has most PCI bridges in common with the GPU,
// among equals the one fewest GPUs have yet, then the first by name. No bridge
// in common is no affinity: the reason then names the NICs of the NUMA node. A
// NIC whose port is down is never chosen.
func (n nics) nearest(gpuPath string, numa *int, taken map[string]int) (name, why string) {
	if n.why != "" {
		return "", n.why
	}
	best, depth := "", 0
	for _, candidate := range n.all {
		shared := sharedBridges(gpuPath, candidate.path)
		if shared > 0 && candidate.down != "" {
			why = "the port of " + candidate.name + " is " + candidate.down
			continue
		}
		if shared > depth || shared == depth && shared > 0 && taken[candidate.name] < taken[best] {
			best, depth = candidate.name, shared
		}
	}
	if best != "" {
		taken[best]++
		return best, ""
	}
	if why == "" {
		why = "no RDMA device shares a PCIe switch with it" + n.onNode(numa)
	}
	return "", why
}

func (n nics) onNode(numa *int) string {
	if numa == nil {
		return ""
	}
	var names []string
	for _, c := range n.all {
		if c.numa.known() && c.numa.value == *numa {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; on its NUMA node " + strconv.Itoa(*numa) + ": " + strings.Join(names, ", ")
}

// addNICs gives each GPU its NIC; partitions share that of their GPU.
func (s *survey) addNICs(gpus []aim.GPU) {
	paths := map[string]string{}
	for _, b := range s.boards {
		paths[b.pci()] = b.device.path
	}
	type choice struct{ name, why string }
	made := map[string]choice{}
	taken := map[string]int{}
	for i := range gpus {
		g := &gpus[i]
		c, ok := made[g.PCI]
		if !ok {
			c.name, c.why = s.nics.nearest(paths[g.PCI], g.CPUNode, taken)
			made[g.PCI] = c
		}
		if g.NIC = c.name; c.why != "" {
			note(g, "nic", c.why)
		}
	}
}
