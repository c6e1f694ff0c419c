package display

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// Nodes prints one line for each node.
func Nodes(o *Output, fleet aim.Fleet) {
	t := Table{Header: []string{"NODE", "STATE", "GPUS", "FREE", "TYPE", "REPLICAS", "DISK FREE", "HEARD", "NOTE"}}
	for _, n := range fleet.Nodes {
		free := 0
		for _, g := range n.GPUs {
			if state, _ := n.StateOf(g); state == aim.GPUFree {
				free++
			}
		}
		t.Add(o.Bold(n.ID), nodeState(o, n), fmt.Sprint(len(n.GPUs)), fmt.Sprint(free), orDash(strings.Join(gpuTypes(n.Node), ",")),
			fmt.Sprint(len(n.Claims)), Bytes(n.DiskFree), Age(time.Duration(n.AgeMS)*time.Millisecond)+" ago", nodeNote(n))
	}
	t.Print(o)
}

// nodeState puts what a node does before what it was told.
func nodeState(o *Output, n aim.FleetNode) string {
	switch {
	case n.Liveness == aim.Lost:
		return o.Bad(string(n.Liveness))
	case n.Liveness != aim.Alive && n.Liveness != "":
		return o.Warn(string(n.Liveness))
	case n.Cordon != "":
		return o.Warn("cordoned")
	}
	return o.Good("alive")
}

// nodeNote says what a row of numbers would hide.
func nodeNote(n aim.FleetNode) string {
	var notes []string
	if n.Simulated {
		notes = append(notes, "SIMULATED")
	}
	if n.Cordon != "" {
		notes = append(notes, "cordoned: "+n.Cordon)
	}
	if len(n.GPUs) == 0 && n.Reason != "" {
		notes = append(notes, "no GPU: "+n.Reason)
	}
	return strings.Join(notes, "; ")
}

// gpuTypes lists each type once, by name.
func gpuTypes(n aim.Node) []string {
	var types []string
	for _, g := range n.GPUs {
		if g.Type != "" {
			types = append(types, g.Type)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Node prints all there is to say about one node.
func Node(o *Output, n aim.FleetNode) {
	head := o.Bold(n.ID) + "  " + nodeState(o, n)
	if n.Simulated {
		head += "  " + o.Warn("SIMULATED")
	}
	o.Println(head)
	var s Sections
	s.Add("host", n.Host)
	s.Add("address", n.Address)
	s.Add("version", n.Version)
	s.Add("runtimes", strings.Join(n.Runtimes, ", "))
	s.Add("labels", pairs(n.Labels))
	s.Add("cordon", n.Cordon)
	s.Add("driver", n.Driver)
	if n.CPUs > 0 {
		s.Add("CPUs", fmt.Sprintf("%d, %d claimed", n.CPUs, n.ClaimCPUs))
	}
	if n.HostBytes > 0 {
		s.Add("memory", fmt.Sprintf("%s, %s claimed, %s free", Bytes(n.HostBytes), Bytes(n.ClaimBytes), Bytes(n.HostFree)))
	}
	if n.DiskFree > 0 {
		s.Add("disk", Bytes(n.DiskFree)+" free")
	}
	s.Add("images", strings.Join(n.Images, "\n"))
	s.Add("models", strings.Join(n.Models, "\n"))
	s.Add("no GPU", n.Reason)
	s.Print(o)
	if len(n.GPUs) > 0 {
		o.Println()
		nodeGPUs(o, n)
	}
	notOffered(o, n.NotOffered)
	if len(n.Endpoints) > 0 {
		o.Println()
		Endpoints(o, n.Endpoints)
	}
	if n.Live != nil && len(n.Live.Servers) > 0 {
		o.Println()
		Top(o, aim.Fleet{Nodes: []aim.FleetNode{n}}, Screen{View: "replicas"})
	}
}

// nodeGPUs is the node GPU by GPU, with the reason for every one that is not free.
func nodeGPUs(o *Output, n aim.FleetNode) {
	t := Table{Header: []string{"GPU", "PCI", "TYPE", "MEMORY", "IN USE", "BUSY", "POWER", "STATE", "WHY"}}
	for _, g := range n.GPUs {
		state, why := n.StateOf(g)
		l := liveGPU(n, g)
		t.Add(g.ID, g.PCI, orDash(g.Type), known(g, "vram_bytes", g.VRAMBytes), known(g, "vram_used_bytes", g.VRAMUsedBytes),
			Percent(l.Busy), Watts(l.PowerW), gpuState(o, state), shorten(why, 60))
	}
	t.Print(o)
}

func gpuState(o *Output, s aim.GPUState) string {
	switch s {
	case aim.GPUFree:
		return o.Good(string(s))
	case aim.GPUClaimed:
		return o.Busy(string(s))
	case aim.GPUUnhealthy, aim.GPUQuarantined:
		return o.Bad(string(s))
	}
	return o.Warn(string(s))
}

// known is a size, or "unknown" where it could not be read.
func known(g aim.GPU, field string, bytes *uint64) string {
	if bytes != nil {
		return Bytes(*bytes)
	}
	if why := g.Unknown[field]; why != "" {
		return "unknown: " + shorten(why, 30)
	}
	return "unknown"
}

// GPUs prints the GPUs of this machine, and the devices that are not offered.
func GPUs(o *Output, d aim.Detection) {
	if len(d.GPUs) > 0 {
		t := Table{Header: []string{"GPU", "PCI", "TYPE", "GFX", "MEMORY", "IN USE", "MODE", "NUMA", "RENDER", "HEALTH", "USED BY"}}
		for _, g := range d.GPUs {
			t.Add(g.ID, g.PCI, orDash(g.Type), orDash(g.Arch), known(g, "vram_bytes", g.VRAMBytes), known(g, "vram_used_bytes", g.VRAMUsedBytes),
				modes(g), number(g.CPUNode), number(g.RenderMinor), health(o, g), user(g))
		}
		t.Print(o)
	}
	notOffered(o, d.NotOffered)
	if len(d.GPUs) == 0 {
		o.Println("no GPU: " + orDash(d.Reason))
	}
}

// notOffered lists what is on the bus but not given out; nothing for none.
func notOffered(o *Output, all []aim.NotOffered) {
	if len(all) == 0 {
		return
	}
	o.Println()
	t := Table{Header: []string{"NOT OFFERED", "PRODUCT", "REASON"}}
	for _, n := range all {
		t.Add(n.PCI, orDash(n.Product), n.Reason)
	}
	t.Print(o)
}

// modes is compute and memory partitioning, "SPX/NPS1".
func modes(g aim.GPU) string {
	if g.ComputeMode == "" && g.MemoryMode == "" {
		return "-"
	}
	return strings.Trim(g.ComputeMode+"/"+g.MemoryMode, "/")
}

func number(n *int) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprint(*n)
}

// health has the reason beside it when it is not ok.
func health(o *Output, g aim.GPU) string {
	if g.Health == aim.HealthOK {
		return o.Good(string(g.Health))
	}
	return o.Bad(strings.TrimSuffix(string(g.Health)+": "+g.HealthReason, ": "))
}

func user(g aim.GPU) string {
	if g.Busy == nil {
		return "-"
	}
	return g.Busy.Who
}

// Endpoints prints where replicas answer.
func Endpoints(o *Output, all []aim.Endpoint) {
	t := Table{Header: []string{"REPLICA", "URL", "MODEL", "HEALTH"}}
	for _, e := range all {
		state := o.Good("healthy")
		if !e.Healthy {
			state = o.Bad(strings.TrimSuffix("unhealthy: "+e.Reason, ": "))
		}
		t.Add(e.ReplicaName(), e.URL, e.Model, state)
	}
	t.Print(o)
}

func pairs(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return strings.Join(parts, " ")
}
