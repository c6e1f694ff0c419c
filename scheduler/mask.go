package scheduler

import "math/bits"

// mask is a set of GPUs of one node, a bit each. Two words hold the most that
// a machine offers: 16 GPUs in 8 partitions each.
type mask [2]uint64

// maxDevices is how many GPUs of a node are looked at.
const maxDevices = 128

func (m mask) has(i int) bool { return m[i>>6]&(1<<(i&63)) != 0 }

func (m *mask) add(i int) { m[i>>6] |= 1 << (i & 63) }

func (m mask) count() int { return bits.OnesCount64(m[0]) + bits.OnesCount64(m[1]) }

func (m mask) and(o mask) mask { return mask{m[0] & o[0], m[1] & o[1]} }

func (m mask) or(o mask) mask { return mask{m[0] | o[0], m[1] | o[1]} }

func (m mask) without(o mask) mask { return mask{m[0] &^ o[0], m[1] &^ o[1]} }

// all yields the GPUs in order.
func (m mask) all(yield func(int) bool) {
	for i, w := range m {
		for ; w != 0; w &= w - 1 {
			if !yield(i<<6 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}

// neighbours tells whether there is no gap between the GPUs of a set that is not
// empty.
func (m mask) neighbours() bool {
	if m[1] != 0 {
		return m == run(firstOf(m), m.count())
	}
	w := m[0] >> bits.TrailingZeros64(m[0])
	return w&(w+1) == 0
}

// run is n GPUs from the first on.
func run(first, n int) mask {
	var m mask
	for i := range n {
		m.add(first + i)
	}
	return m
}

// firstOf is the lowest GPU of a set that is not empty.
func firstOf(m mask) int {
	if m[0] == 0 {
		return 64 + bits.TrailingZeros64(m[1])
	}
	return bits.TrailingZeros64(m[0])
}
