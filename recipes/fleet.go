package recipes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// offer is a kind of GPU that the fleet has, and how many of them one node has
// at most. GPUs of a type that differ in memory are different kinds.
type offer struct {
	gpuType string
	arch    string // gfx942; "" = not known
	vram    uint64
	count   int
}

// hardware is what there is to run on.
type hardware struct {
	offers  []offer // by type, then memory
	tables  *tables
	assumed bool // no GPU has been reported: the recipes' own hardware is assumed
}

// hardwareOf reads the fleet. Who holds a GPU now, and whether its node is
// away, is placement's business: a GPU that exists counts.
func hardwareOf(fleet aim.Fleet, t *tables) hardware {
	h := hardware{tables: t}
	for _, n := range fleet.Nodes {
		for _, g := range n.GPUs {
			if g.Type != "" && g.VRAMBytes != nil {
				h.add(offer{g.Type, g.Arch, *g.VRAMBytes, countAtLeast(n, g.Type, *g.VRAMBytes)})
			}
		}
	}
	slices.SortFunc(h.offers, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.gpuType, b.gpuType), cmp.Compare(a.vram, b.vram))
	})
	h.assumed = len(h.offers) == 0
	return h
}

// add keeps the largest count of a kind.
func (h *hardware) add(o offer) {
	for i := range h.offers {
		if h.offers[i].gpuType == o.gpuType && h.offers[i].vram == o.vram {
			h.offers[i].count = max(h.offers[i].count, o.count)
			return
		}
	}
	h.offers = append(h.offers, o)
}

// countAtLeast counts a node's GPUs of a type with at least so much memory.
func countAtLeast(n aim.FleetNode, gpuType string, vram uint64) int {
	count := 0
	for _, g := range n.GPUs {
		if g.Type == gpuType && g.VRAMBytes != nil && *g.VRAMBytes >= vram {
			count++
		}
	}
	return count
}

// assumedCount is how many GPUs a machine is taken to have when none has been
// reported: MI300X and MI350 machines have eight.
const assumedCount = 8

// of lists the kinds of one GPU type.
func (h hardware) of(gpuType string) []offer {
	if h.assumed {
		g, ok := h.tables.gpu(gpuType)
		if !ok {
			return []offer{{gpuType: gpuType, count: assumedCount}} // memory not known
		}
		return []offer{{gpuType, g.Arch, g.VRAM, assumedCount}}
	}
	var found []offer
	for _, o := range h.offers {
		if o.gpuType == gpuType {
			found = append(found, o)
		}
	}
	return found
}

// like finds the types of the fleet that can stand in for a type: the same
// architecture and at least as much memory.
func (h hardware) like(gpuType string) []string {
	known, ok := h.tables.gpu(gpuType)
	var types []string
	for _, o := range h.offers {
		if ok && o.gpuType != gpuType && o.arch == known.Arch && o.vram >= known.VRAM && !slices.Contains(types, o.gpuType) {
			types = append(types, o.gpuType)
		}
	}
	return types
}

// most is how many GPUs of a type one node has at most.
func (h hardware) most(gpuType string) int {
	n := 0
	for _, o := range h.of(gpuType) {
		n = max(n, o.count)
	}
	return n
}

// String names what there is, for messages.
func (h hardware) String() string {
	if h.assumed {
		return "no GPU has been reported yet"
	}
	var parts []string
	for _, o := range h.offers {
		parts = append(parts, fmt.Sprintf("up to %d %s of %s on a node", o.count, o.gpuType, gib(float64(o.vram))))
	}
	return "the fleet has " + strings.Join(parts, ", ")
}
