package topology

import (
	"math/bits"
	"slices"
)

// query asks for n of the free GPUs of one layout; rails are the boards that the
// other ranks of a gang use, a bit each, 0 = none.
type query struct {
	free  Mask
	n     int
	rails uint64
}

// Choice is a set of GPUs of one layout. Less is better in every number, and
// they count in this order.
type Choice struct {
	Missing      int    // pairs of boards without an xGMI link: collectives would cross PCIe
	Span         int    // NUMA nodes touched
	LeftOnBoards int    // free partitions left on the boards touched
	LeftInNUMA   int    // free GPUs left in the NUMA nodes touched: fours and twos stay whole
	OffRails     int    // boards at other positions than those of the other ranks
	Boards       uint64 // a bit each; lowest addresses win ties
	GPUs         Mask
}

const (
	// maxSets bounds the sets tried for one question: C(16,8) is 12,870, and
	// machines of eight GPUs have at most 70.
	maxSets = 20_000
	// maxChosen bounds what a layout remembers: eight GPUs have 256 free masks and
	// 8 counts; partitions have far more, and most of them never come again.
	maxChosen = 4096
)

// Choose finds the best n of the free GPUs, which must be as many. It takes the
// fewest boards that hold n (a partition's neighbours are nearest) and, of all
// sets of so many boards, the best in the order of Choice's numbers:
//
//	free  . . x x | x x x x    n=2, all joined by xGMI, | between NUMA nodes
//	{2,3}  one NUMA node, none left in it: chosen, the four stay together
//	{4,5}  one NUMA node, 2 left in it
//	{3,4}  two NUMA nodes
//
// What it has found once it remembers, as everybody who asks for as many of the same
// free GPUs gets the same ones.
func (l *Layout) Choose(free Mask, n int, rails uint64) *Choice {
	q := query{free, n, rails}
	if c, ok := l.chosen[q]; ok {
		return c
	}
	if len(l.chosen) == maxChosen {
		clear(l.chosen)
	}
	c := l.search(q)
	l.chosen[q] = c
	return c
}

// search tries sets of k boards, from the fewest that could hold n upwards, and rates
// every set of the first k for which there is one:
//
//	free partitions by board   3  1  4  2      n=5
//	k=2, as no board has 5     {0,2} has 7, {2,3} 6, {0,3} and {1,2} 5: these are rated
func (l *Layout) search(q query) *Choice {
	free := make([]int, len(l.boards)) // devices, by board
	var usable []int
	most := 1
	for b := range l.boards {
		if free[b] = l.boards[b].devices.And(q.free).Count(); free[b] > 0 {
			usable = append(usable, b)
			most = max(most, free[b])
		}
	}
	for k := (q.n + most - 1) / most; k <= len(usable); k++ {
		var best *Choice
		for set := range sets(usable, k) {
			if total(free, set) < q.n {
				continue
			}
			if c := l.rate(set, free, q); best == nil || c.less(best) {
				best = &c
			}
		}
		if best != nil {
			best.GPUs = l.take(q, free, best.Boards)
			return best
		}
	}
	return &Choice{}
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

// next moves to the following combination of indices below n, in the order of a
// dictionary; false at the end:
//
//	n=4:  [0 1] [0 2] [0 3] [1 2] [1 3] [2 3]
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

// runs yields the sets of k boards that follow each other by address: boards that are
// near each other have addresses that are.
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

// total is how many devices are free on the boards of a set.
func total(free []int, set uint64) int {
	sum := 0
	for s := set; s != 0; s &= s - 1 {
		sum += free[bits.TrailingZeros64(s)]
	}
	return sum
}

// rate fills in the numbers of a set of boards that n GPUs are taken from.
func (l *Layout) rate(set uint64, free []int, q query) Choice {
	c := Choice{Boards: set, LeftOnBoards: total(free, set) - q.n}
	var touched uint64 // boards of the NUMA nodes that the set lies in
	for s := set; s != 0; s &= s - 1 {
		b := bits.TrailingZeros64(s)
		others := s &^ (1 << b) // those after b: each pair counts once
		c.Missing += bits.OnesCount64(others &^ l.boards[b].linked)
		if touched&(1<<b) == 0 {
			touched |= l.boards[b].near
			c.Span++
		}
	}
	c.LeftInNUMA = total(free, touched) - q.n
	if q.rails != 0 {
		c.OffRails = bits.OnesCount64(set &^ q.rails)
	}
	return c
}

// less tells whether c is better: in the first number in which they differ, and where
// they differ in none, by the addresses, so that equal machines answer alike.
func (c *Choice) less(o *Choice) bool {
	for _, d := range [...]int{
		c.Missing - o.Missing, c.Span - o.Span, c.LeftOnBoards - o.LeftOnBoards,
		c.LeftInNUMA - o.LeftInNUMA, c.OffRails - o.OffRails,
	} {
		if d != 0 {
			return d < 0
		}
	}
	// Reversed, the lowest address is the highest bit: {0,3} comes before {1,2}.
	return bits.Reverse64(c.Boards) > bits.Reverse64(o.Boards)
}

// take picks n GPUs of the boards: boards with the fewest free ones are used up
// first, so that what is left over is left on one board.
func (l *Layout) take(q query, free []int, set uint64) Mask {
	var boards []int
	for s := set; s != 0; s &= s - 1 {
		boards = append(boards, bits.TrailingZeros64(s))
	}
	slices.SortStableFunc(boards, func(a, b int) int { return free[a] - free[b] })
	var taken Mask
	n := 0
	for _, b := range boards {
		for d := range l.boards[b].devices.And(q.free).All {
			if n < q.n {
				taken.Add(d)
				n++
			}
		}
	}
	return taken
}
