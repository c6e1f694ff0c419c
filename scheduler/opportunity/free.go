package opportunity

import "slices"

// Kind is a kind of node, as a small number of one Model.
type Kind uint8

// Node is what a kind of node has when nothing is placed on it.
type Node struct {
	Type      string // of its GPUs
	GPUs      int
	VRAMBytes uint64 // of each GPU
	CPUs      int
	HostBytes uint64
}

// maxParts is how many shared GPUs of a node a Free tells apart. MI300X nodes
// have eight GPUs; of more shared ones only the freest eight count.
const maxParts = 8

// Free is what is free on one node. Equal ones are worth the same.
type Free struct {
	Kind      Kind
	Whole     uint16           // GPUs wholly free
	Parts     [maxParts]uint16 // free thousandths of each GPU already shared, most first, then zeros
	CPUs      int              // free, in the unit of Ask.CPUs
	HostBytes uint64           // free host memory
}

// free is the free GPU of the node in thousandths.
func (s *Free) free() int {
	sum := whole * int(s.Whole)
	for _, p := range s.Parts {
		sum += int(p)
	}
	return sum
}

// rounded is the state with fewer distinct values: CPUs and host memory to
// their leading bits, downwards. So a few hundred states stand for a fleet in
// which every request asked for another number of CPUs.
func (s Free) rounded() Free {
	s.CPUs = int(leading(uint64(max(s.CPUs, 0)), freeBits))
	s.HostBytes = leading(s.HostBytes, freeBits)
	return s
}

// share takes thousandths of the GPU that they leave least of, and tells
// whether there is one.
func (s *Free) share(thousandths uint16) bool {
	for i := maxParts - 1; i >= 0; i-- {
		if s.Parts[i] >= thousandths {
			left := s.Parts[i] - thousandths
			s.Parts[i] = left
			for ; i+1 < maxParts && s.Parts[i+1] > left; i++ {
				s.Parts[i], s.Parts[i+1] = s.Parts[i+1], left
			}
			return true
		}
	}
	if s.Whole == 0 {
		return false
	}
	s.Whole--
	s.insert(whole - thousandths)
	return true
}

// insert adds a shared GPU; where there is no room it takes the place of the
// least free one.
func (s *Free) insert(left uint16) {
	if left <= s.Parts[maxParts-1] {
		return
	}
	s.Parts[maxParts-1] = left
	for i := maxParts - 1; i > 0 && s.Parts[i-1] < left; i-- {
		s.Parts[i], s.Parts[i-1] = s.Parts[i-1], left
	}
}

// Kind returns the number of this kind of node, a new one where it is not known
// yet. A fleet has a handful; after the 255th all share one.
func (o *Model) Kind(n Node) Kind {
	i := slices.Index(o.kinds, n)
	if i < 0 && len(o.kinds) < 255 {
		i = len(o.kinds)
		o.kinds = append(o.kinds, n)
	}
	if i < 0 {
		i = 254
	}
	return Kind(i)
}
