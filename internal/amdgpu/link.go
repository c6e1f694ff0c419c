package amdgpu

import (
	"slices"
	"strconv"

	"github.com/aim-engine/aim"
)

// Link types in the KFD topology (as in the CRAT table of ACPI).
const (
	linkPCIe = 2
	linkXGMI = 11
)

// kfdLink is an edge of the topology that starts at a node.
type kfdLink struct {
	to     int // node number
	kind   uint64
	weight int
}

// readLinks adds the links in dir. A broken one is passed over: it only costs
// placement a preference.
func readLinks(v *view, dir string, links []kfdLink) []kfdLink {
	names, err := v.list(dir)
	if err != nil {
		return links
	}
	links = slices.Grow(links, len(names))
	for _, number := range numbered(names, "") {
		b, err := v.bytes(dir + "/" + strconv.Itoa(number) + "/properties")
		if err != nil {
			continue
		}
		if l, ok := parseLink(b); ok {
			links = append(links, l)
		}
	}
	return links
}

func parseLink(b []byte) (kfdLink, bool) {
	var l kfdLink
	var hasKind, hasTo, hasWeight bool
	for name, text := range properties(b) {
		n, ok := decimal(text)
		if !ok || n > 1<<31-1 {
			continue
		}
		switch string(name) {
		case "type":
			l.kind, hasKind = n, true
		case "node_to":
			l.to, hasTo = int(n), true
		case "weight":
			l.weight, hasWeight = int(n), true
		}
	}
	return l, hasKind && hasTo && hasWeight
}

// addPeers lists the xGMI links between offered devices: of each the others in the
// order of gpus, beginning behind it.
func (s *survey) addPeers(gpus []aim.GPU, byNode map[int]int) {
	const none = -1
	weights := make([]int, len(gpus)) // from the GPU at hand to each other one
	for i := range gpus {
		for to := range weights {
			weights[to] = none
		}
		n, count := s.topology.find(gpus[i].KFDNode), 0
		for _, l := range n.links {
			to, offered := byNode[l.to]
			if !offered || to == i || l.kind != linkXGMI {
				continue
			}
			if weights[to] == none {
				count++
			}
			if weights[to] == none || l.weight < weights[to] {
				weights[to] = l.weight
			}
		}
		gpus[i].Peers = slices.Grow(gpus[i].Peers, count)
		for step := 1; step < len(gpus); step++ {
			if to := (i + step) % len(gpus); weights[to] != none {
				gpus[i].Peers = append(gpus[i].Peers, aim.Peer{ID: gpus[to].ID, Weight: weights[to]})
			}
		}
	}
}
