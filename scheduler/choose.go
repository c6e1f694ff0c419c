package scheduler

import (
	"math/bits"
	"slices"
)

// choice is a set of GPUs of one pool. Less is better in every number, and they
// count in this order.
type choice struct {
	missing   int    // pairs of boards without an xGMI link: collectives would cross PCIe
	span      int    // NUMA nodes touched
	leftBoard int    // free partitions left on the boards touched
	leftNUMA  int    // free GPUs left in the NUMA nodes touched: fours and twos stay whole
	offRail   int    // boards at other positions than those of the other ranks
	boards    uint64 // a bit each; lowest addresses win ties
	devices   []int  // in pool.devices, by address
}

// maxSets bounds the sets tried on one node: C(16,8) is 12,870, and machines of
// eight GPUs have at most 70.
const maxSets = 20_000

// choose finds the best n free GPUs with the memory. The pool must have them.
// It takes the fewest boards that hold n (a partition's neighbours are nearest)
// and, of all sets of so many boards, the best in choice's order.
func choose(p *pool, n int, vram, rails uint64) choice {
	free := p.freeByBoard(vram)
	var usable []int
	most := 1
	for b, devices := range free {
		if len(devices) > 0 {
			usable = append(usable, b)
			most = max(most, len(devices))
		}
	}
	for k := (n + most - 1) / most; k <= len(usable); k++ {
		var best choice
		found := false
		for set := range sets(usable, k) {
			if total(free, set) < n {
				continue
			}
			if c := p.rate(set, free, n, rails); !found || c.less(best) {
				best, found = c, true
			}
		}
		if found {
			best.devices = take(free, best.boards, n)
			return best
		}
	}
	return choice{}
}

// freeByBoard lists the free GPUs with the memory, board by board.
func (p *pool) freeByBoard(vram uint64) [][]int {
	free := make([][]int, len(p.boards))
	for b := range p.boards {
		for _, d := range p.boards[b].devices {
			if p.devices[d].free && p.devices[d].suits(vram) {
				free[b] = append(free[b], d)
			}
		}
	}
	return free
}

// sets yields all sets of k of these boards, as masks. Where that would be more
// than maxSets it yields only runs of neighbours by address.
func sets(boards []int, k int) func(yield func(uint64) bool) {
	if binomial(len(boards), k) > maxSets {
		return runs(boards, k)
	}
	return func(yield func(uint64) bool) {
		pick := make([]int, k)
		for i := range pick {
			pick[i] = i
		}
		for {
			var set uint64
			for _, i := range pick {
				set |= 1 << boards[i]
			}
			if !yield(set) || !next(pick, len(boards)) {
				return
			}
		}
	}
}

// next moves to the following combination of indices below n; false at the end.
func next(pick []int, n int) bool {
	for i := len(pick) - 1; i >= 0; i-- {
		if pick[i] < n-len(pick)+i {
			pick[i]++
			for j := i + 1; j < len(pick); j++ {
				pick[j] = pick[j-1] + 1
			}
			return true
		}
	}
	return false
}

func runs(boards []int, k int) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for i := 0; i+k <= len(boards); i++ {
			var set uint64
			for _, b := range boards[i : i+k] {
				set |= 1 << b
			}
			if !yield(set) {
				return
			}
		}
	}
}

// binomial is n over k, or more than maxSets where it is larger than that.
func binomial(n, k int) int {
	k = min(k, n-k)
	c := 1
	for i := 1; i <= k; i++ {
		if c = c * (n - k + i) / i; c > maxSets {
			return c
		}
	}
	return c
}

func total(free [][]int, set uint64) int {
	sum := 0
	for s := set; s != 0; s &= s - 1 {
		sum += len(free[bits.TrailingZeros64(s)])
	}
	return sum
}

// rate fills in the numbers of a set of boards that n GPUs are taken from.
func (p *pool) rate(set uint64, free [][]int, n int, rails uint64) choice {
	c := choice{boards: set, leftBoard: total(free, set) - n}
	var touched uint64 // boards of the NUMA nodes that the set lies in
	for s := set; s != 0; s &= s - 1 {
		b := bits.TrailingZeros64(s)
		others := s &^ (1 << b) // those after b: each pair counts once
		c.missing += bits.OnesCount64(others &^ p.boards[b].linked)
		if touched&(1<<b) == 0 {
			touched |= p.boards[b].near
			c.span++
		}
	}
	c.leftNUMA = total(free, touched) - n
	if rails != 0 {
		c.offRail = bits.OnesCount64(set &^ rails)
	}
	return c
}

func (c choice) less(o choice) bool {
	for _, d := range []int{
		c.missing - o.missing, c.span - o.span, c.leftBoard - o.leftBoard,
		c.leftNUMA - o.leftNUMA, c.offRail - o.offRail,
	} {
		if d != 0 {
			return d < 0
		}
	}
	// Reversed, the lowest address is the highest bit: {0,3} comes before {1,2}.
	return bits.Reverse64(c.boards) > bits.Reverse64(o.boards)
}

// take picks n GPUs of the boards: boards with the fewest free ones are used up
// first, so that what is left over is left on one board.
func take(free [][]int, set uint64, n int) []int {
	var boards []int
	for s := set; s != 0; s &= s - 1 {
		boards = append(boards, bits.TrailingZeros64(s))
	}
	slices.SortStableFunc(boards, func(a, b int) int { return len(free[a]) - len(free[b]) })
	var devices []int
	for _, b := range boards {
		devices = append(devices, free[b][:min(len(free[b]), n-len(devices))]...)
	}
	slices.Sort(devices)
	return devices
}
