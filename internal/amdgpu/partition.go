package amdgpu

// partsByMode is how many partitions a compute mode makes; CPX makes one a die,
// which depends on the part.
var partsByMode = map[string]int{"SPX": 1, "DPX": 2, "TPX": 3, "QPX": 4}

// partitions is how many partitions the physical GPU has. KFD's list is the
// truth where it shows several. It may show one of many: a container sees only
// the partitions it was given, and its number or the mode then tells that the
// GPU is split.
func (b *board) partitions(m model) int {
	count := len(b.nodes)
	for i := range b.nodes {
		count = max(count, b.partition(i)+1)
	}
	if count > 1 {
		return count
	}
	mode := b.device.compute
	if mode.known() && partsByMode[mode.value] > 0 {
		return partsByMode[mode.value]
	}
	dies := int(value(b.nodes[0].props.xccs))
	if dies > 0 && m.xccs > dies { // CPX, or a mode that is not told
		return m.xccs / dies
	}
	return 1
}

// partition is the number of the i-th node within its GPU: the function field
// of its location, or, on kernels that leave it 0 everywhere, its place in KFD's
// list.
func (b *board) partition(i int) int {
	if !b.located || b.at.part != 0 {
		return i
	}
	var seen [8]bool
	for _, n := range b.nodes {
		fn := uint8(*n.props.location) & 7
		if seen[fn] {
			return i
		}
		seen[fn] = true
	}
	return int(*b.nodes[i].props.location) & 7
}
