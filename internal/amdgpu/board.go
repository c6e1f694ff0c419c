package amdgpu

import (
	"slices"
	"strconv"
)

// board is a physical GPU as KFD lists it: one node, or one a partition.
type board struct {
	at      address
	located bool // at is known
	nodes   []*kfdNode
	device  device
}

// key names the board for the time box.
func (b *board) key() string {
	if b.located {
		return b.at.String()
	}
	return nodePath(b.nodes[0].number)
}

// uuid is "GPU-<16 hex>" from the hardware's unique_id, "" when it is unknown.
func (b *board) uuid() string {
	id := value(b.nodes[0].props.unique)
	if id == 0 {
		id = b.device.unique.value
	}
	if id == 0 {
		return ""
	}
	return "GPU-" + hex16(id)
}

// boards groups KFD's GPU nodes into physical GPUs: those of one PCI device,
// whatever the function, since that field holds the partition's number. Only if
// PCI has a GPU at that very function is it an address (SR-IOV on the host).
func boards(nodes []kfdNode, pci bus) []*board {
	var all []*board
	find := map[string]*board{}
	for i := range nodes {
		n := &nodes[i]
		if !n.isGPU() {
			continue
		}
		b := &board{}
		if n.props.location != nil {
			b.at, b.located = locate(value(n.props.domain), *n.props.location), true
			if _, listed := pci.find(b.at); !listed {
				b.at.part = 0
			}
		}
		key := b.at.String()
		if !b.located {
			key = hex16(value(n.props.unique))
		}
		if find[key] == nil {
			find[key] = b
			all = append(all, b)
		}
		find[key].nodes = append(find[key].nodes, n)
	}
	slices.SortStableFunc(all, func(x, y *board) int { return comparePCI(x.pci(), y.pci()) })
	return all
}

// deviceID is KFD's device id, else PCI's.
func (b *board) deviceID() fact[uint64] {
	if id := b.nodes[0].props.device; id != nil {
		return known(*id)
	}
	if b.device.id.known() {
		return b.device.id
	}
	return missing[uint64]("properties has no device_id")
}

// pci is the address of the physical GPU, "" when KFD does not tell.
func (b *board) pci() string {
	if !b.located {
		return ""
	}
	return b.at.String()
}

func hex16(n uint64) string {
	s := strconv.FormatUint(n, 16)
	return "0000000000000000"[:16-len(s)] + s
}
