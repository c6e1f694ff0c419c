package opportunity

import (
	"math/bits"
	"strings"
)

// Ask is what a request asks of one node. Equal asks fit on the
// same nodes.
type Ask struct {
	GPUs       int    // whole GPUs
	ShareBytes uint64 // or this much memory of one GPU
	VRAMBytes  uint64 // least memory of each GPU
	CPUs       int
	HostBytes  uint64
	Types      string // GPU types that will do, "MI300X|MI325X"; "" = any
}

// whole is one GPU in the unit of Free.Parts.
const whole = 1000

// How many leading bits of CPUs and memory tell two asks, and two states,
// apart: an ask is at most an eighth from the one that stands for it, a state
// a thirty-second.
const (
	askBits  = 4
	freeBits = 6
)

// rounded is the key under which similar asks count as one.
func (s Ask) rounded() Ask {
	s.CPUs = int(leading(uint64(max(s.CPUs, 0)), askBits))
	s.HostBytes = leading(s.HostBytes, askBits)
	return s
}

// leading keeps the first n bits of v and clears the others.
func leading(v uint64, n int) uint64 {
	if drop := bits.Len64(v) - n; drop > 0 {
		return v >> drop << drop
	}
	return v
}

// demand is an ask with its weight, prepared for arithmetic: what it takes of
// a GPU of each kind, 0 where it may not go there.
type demand struct {
	Ask
	weight float64  // share of all requests
	unseen bool     // nobody asked for it yet: it is priced, but does not press on others
	part   []uint16 // by Kind: thousandths of each GPU it takes

	// streamed says that streams poured into one node show what the node is worth
	// to this ask. They do not for one that wants several GPUs at once, as
	// smaller ones nearly always come first, nor for one that cannot use every
	// kind of node, as they do not see that others can.
	streamed bool
}

func newDemand(s Ask, weight float64, kinds []Node) demand {
	d := demand{Ask: s, weight: weight, part: make([]uint16, len(kinds)), streamed: s.GPUs <= 1}
	for i, k := range kinds {
		d.part[i] = s.takes(k)
		if k.GPUs > 0 && d.part[i] == 0 {
			d.streamed = false
		}
	}
	return d
}

// takes is the part of each GPU of this kind that the ask asks for; 0 where
// it cannot use the kind, or asks for no GPU.
func (s Ask) takes(k Node) uint16 {
	switch {
	case s.Types != "" && !named(s.Types, k.Type), k.VRAMBytes < max(s.VRAMBytes, s.ShareBytes):
		return 0
	case s.ShareBytes == 0 && s.GPUs > 0:
		return whole
	case s.ShareBytes == 0 || k.VRAMBytes == 0:
		return 0
	}
	return uint16(max(1, s.ShareBytes*whole/k.VRAMBytes))
}

func named(types, gpuType string) bool {
	for t := range strings.SplitSeq(types, "|") {
		if t == gpuType {
			return true
		}
	}
	return false
}

// asksGPU tells whether the ask takes anything of a GPU.
func (s Ask) asksGPU() bool { return s.GPUs > 0 || s.ShareBytes > 0 }

// on is what the ask takes of each GPU of the state's kind.
func (d *demand) on(s *Free) uint16 {
	if int(s.Kind) >= len(d.part) {
		return 0 // a kind that came after the last Refresh
	}
	return d.part[s.Kind]
}

// slots counts how often the ask fits on the node one after the other. With 48 of 192
// GiB (250 ‰) asked for:
//
//	3 GPUs free, and parts of 750 ‰, 400 ‰ and 100 ‰     3·4 + 3 + 1 + 0 = 16
//	the same with CPUs for ten of them                    10
func (d *demand) slots(s *Free) int {
	part := d.on(s)
	if part == 0 {
		return 0
	}
	n := d.gpuSlots(s, part)
	if d.CPUs > 0 {
		n = min(n, s.CPUs/d.CPUs)
	}
	if d.HostBytes > 0 {
		n = min(n, int(s.HostBytes/d.HostBytes))
	}
	return n
}

func (d *demand) gpuSlots(s *Free, part uint16) int {
	if d.ShareBytes == 0 {
		return int(s.Whole) / d.GPUs
	}
	n := int(s.Whole) * (whole / int(part))
	for _, p := range s.Parts {
		if p < part {
			break
		}
		n += int(p / part)
	}
	return n
}

// place takes the ask from the state where it fits.
func (d *demand) place(s *Free) bool {
	part := d.on(s)
	if part == 0 || s.CPUs < d.CPUs || s.HostBytes < d.HostBytes {
		return false
	}
	switch {
	case d.ShareBytes > 0:
		if !s.share(part) {
			return false
		}
	case int(s.Whole) < d.GPUs:
		return false
	default:
		s.Whole -= uint16(d.GPUs)
	}
	s.CPUs -= d.CPUs
	s.HostBytes -= d.HostBytes
	return true
}
