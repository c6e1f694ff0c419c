package topology

import (
	"cmp"
	"fmt"

	"github.com/aim-engine/aim"
)

// Kind is what GPUs must have in common to serve one replica together: tensor
// parallelism needs equal shares, so sizes and partition modes never mix.
type Kind struct {
	Type       string
	Partitions int    // of each physical GPU; 1 = whole
	Compute    string // SPX, CPX, ...
	Memory     string // NPS1, ...
}

// KindOf is the kind of a GPU, or of a partition of one.
func KindOf(g *aim.GPU) Kind {
	return Kind{Type: g.Type, Partitions: max(g.Partitions, 1), Compute: g.ComputeMode, Memory: g.MemoryMode}
}

// Compare orders kinds by their names.
func (k Kind) Compare(o Kind) int {
	return cmp.Or(cmp.Compare(k.Type, o.Type), cmp.Compare(k.Partitions, o.Partitions),
		cmp.Compare(k.Compute, o.Compute), cmp.Compare(k.Memory, o.Memory))
}

// String names the kind for people: "MI300X SPX/NPS1", "MI300X CPX/NPS4, 8 partitions".
func (k Kind) String() string {
	s := k.Type
	if s == "" {
		s = "unknown type"
	}
	switch {
	case k.Compute != "" && k.Memory != "":
		s += " " + k.Compute + "/" + k.Memory
	case k.Compute+k.Memory != "":
		s += " " + k.Compute + k.Memory
	}
	if k.Partitions > 1 {
		s += fmt.Sprintf(", %d partitions", k.Partitions)
	}
	return s
}
