package ladder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/text"
	"github.com/aim-engine/aim/recipes/recipe"
)

// offer is a kind of GPU that the fleet has, and how many of them one node has
// at most. GPUs of a type that differ in memory are different kinds.
type offer struct {
	gpuType string
	arch    string // gfx942; "" = not known
	vram    uint64
	count   int
	free    int // of them now: healthy, clean, unclaimed, on one open node
}

// hardware is what there is to run on.
type hardware struct {
	offers  []offer // by type, then memory
	tables  *recipe.Tables
	assumed bool   // no GPU has been reported: some are assumed, see assumedFirst
	text    string // see String
}

// hardwareOf reads the fleet. Who holds a GPU now, and whether its node is
// away, is placement's business: a GPU that exists counts. What is free now only
// decides between recipes that are equally good.
//
// A type that was asked for and that no node has now is taken to be there, as many as
// such machines have: the deployment waits for it.
func hardwareOf(fleet aim.Fleet, t *recipe.Tables, asked string) hardware {
	h := hardware{tables: t}
	for _, n := range fleet.Nodes {
		for _, g := range n.GPUs {
			if g.Type != "" && g.VRAMBytes != nil {
				count, free := countAtLeast(n, g.Type, *g.VRAMBytes)
				h.add(offer{g.Type, g.Arch, *g.VRAMBytes, count, free})
			}
		}
	}
	has := func(o offer) bool { return o.gpuType == asked }
	if g, known := t.GPU(asked); known && len(h.offers) > 0 && !slices.ContainsFunc(h.offers, has) {
		h.add(offer{g.Type, g.Arch, g.VRAM, assumedCount, 0})
	}
	slices.SortFunc(h.offers, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.gpuType, b.gpuType), cmp.Compare(a.vram, b.vram))
	})
	h.assumed = len(h.offers) == 0
	h.text = h.describe()
	return h
}

// add keeps the largest counts of a kind.
func (h *hardware) add(o offer) {
	for i := range h.offers {
		if h.offers[i].gpuType == o.gpuType && h.offers[i].vram == o.vram {
			h.offers[i].count = max(h.offers[i].count, o.count)
			h.offers[i].free = max(h.offers[i].free, o.free)
			return
		}
	}
	h.offers = append(h.offers, o)
}

// countAtLeast counts a node's GPUs of a type with at least so much memory, and
// those of them that are free.
func countAtLeast(n aim.FleetNode, gpuType string, vram uint64) (count, free int) {
	for _, g := range n.GPUs {
		if g.Type != gpuType || g.VRAMBytes == nil || *g.VRAMBytes < vram {
			continue
		}
		count++
		if state, _ := n.StateOf(g); state == aim.GPUFree && n.Cordon == "" {
			free++
		}
	}
	return count, free
}

// freeNow tells whether a node has so many free GPUs of the type now.
func (h hardware) freeNow(gpuType string, gpus int) bool {
	return slices.ContainsFunc(h.of(gpuType), func(o offer) bool { return o.free >= gpus })
}

// assumedCount is how many GPUs a machine is taken to have when none has been
// reported: MI300X and MI350 machines have eight.
const assumedCount = 8

// assumedType is the kind of GPU that a fleet is taken to have when none has
// been reported and none was asked for.
const assumedType = "MI300X"

// of lists the kinds of one GPU type.
func (h hardware) of(gpuType string) []offer {
	if h.assumed {
		g, ok := h.tables.GPU(gpuType)
		if !ok {
			return []offer{{gpuType: gpuType, count: assumedCount}} // memory not known
		}
		return []offer{{gpuType: gpuType, arch: g.Arch, vram: g.VRAM, count: assumedCount}}
	}
	first := slices.IndexFunc(h.offers, func(o offer) bool { return o.gpuType == gpuType })
	if first < 0 {
		return nil
	}
	end := first // they are in order of their types
	for end < len(h.offers) && h.offers[end].gpuType == gpuType {
		end++
	}
	return h.offers[first:end:end]
}

// like finds the types of the fleet that can stand in for a type: the same
// architecture and at least as much memory.
func (h hardware) like(gpuType string) []string {
	known, ok := h.tables.GPU(gpuType)
	var types []string
	for _, o := range h.offers {
		if ok && o.gpuType != gpuType && o.arch == known.Arch && o.vram >= known.VRAM && !slices.Contains(types, o.gpuType) {
			types = append(types, o.gpuType)
		}
	}
	return types
}

// serves tells whether there are GPUs that the recipe may run on, few or many.
func (h hardware) serves(r *entry) bool {
	has := func(gpuType string) bool { return len(h.of(gpuType)) > 0 }
	return has(r.Hardware.GPUType) || slices.ContainsFunc(r.Match.GPUTypes, has) || len(h.like(r.Hardware.GPUType)) > 0
}

// lacks says that there is no GPU of a type.
func (h hardware) lacks(gpuType string) string { return "it is for " + gpuType + "; " + h.text }

// most is how many GPUs of a type one node has at most.
func (h hardware) most(gpuType string) int {
	n := 0
	for _, o := range h.of(gpuType) {
		n = max(n, o.count)
	}
	return n
}

// String names what there is, for messages.
func (h hardware) String() string { return h.text }

func (h hardware) describe() string {
	if h.assumed {
		return "no GPU has been reported yet"
	}
	var parts []string
	for _, o := range h.offers {
		parts = append(parts, fmt.Sprintf("up to %d %s of %s on a node", o.count, o.gpuType, text.GiB(float64(o.vram))))
	}
	return "the fleet has " + strings.Join(parts, ", ")
}
