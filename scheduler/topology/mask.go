package topology

import "math/bits"

// Mask is a set of GPUs of one node, a bit each, numbered in the order of
// ByAddress:
//
//	GPUs      0 1 2 3 4 5 6 7
//	free      x . x x . . . x     Mask{0b10001101}
//
// Two words hold the most that
// a machine offers: 16 GPUs in 8 partitions each.
type Mask [2]uint64

// MaxGPUs is how many GPUs of a node are looked at.
const MaxGPUs = 128

// Has tells whether the GPU is in the set.
func (m Mask) Has(i int) bool { return m[i>>6]&(1<<(i&63)) != 0 }

// Add puts a GPU into the set.
func (m *Mask) Add(i int) { m[i>>6] |= 1 << (i & 63) }

// Count is the number of GPUs in the set.
func (m Mask) Count() int { return bits.OnesCount64(m[0]) + bits.OnesCount64(m[1]) }

// And is the GPUs in both sets.
func (m Mask) And(o Mask) Mask { return Mask{m[0] & o[0], m[1] & o[1]} }

// Or is the GPUs in either set.
func (m Mask) Or(o Mask) Mask { return Mask{m[0] | o[0], m[1] | o[1]} }

// Without is the GPUs in this set that are not in the other.
func (m Mask) Without(o Mask) Mask { return Mask{m[0] &^ o[0], m[1] &^ o[1]} }

// All yields the GPUs in order.
func (m Mask) All(yield func(int) bool) {
	for i, w := range m {
		for ; w != 0; w &= w - 1 {
			if !yield(i<<6 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}

// Contiguous tells whether there is no gap between the GPUs of a set that is not
// empty.
func (m Mask) Contiguous() bool {
	if m[1] != 0 {
		return m == run(m.First(), m.Count())
	}
	w := m[0] >> bits.TrailingZeros64(m[0])
	return w&(w+1) == 0
}

// run is n GPUs from the first on.
func run(first, n int) Mask {
	var m Mask
	for i := range n {
		m.Add(first + i)
	}
	return m
}

// First is the lowest GPU of a set that is not empty.
func (m Mask) First() int {
	if m[0] == 0 {
		return 64 + bits.TrailingZeros64(m[1])
	}
	return bits.TrailingZeros64(m[0])
}
