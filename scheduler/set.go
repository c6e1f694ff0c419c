package scheduler

import "math/bits"

// set is a set of slots: nodes by their place in the order of their ids, so
// that the first of a set is also the first by name. A second level marks the
// words that are not empty; finding the next member of ten thousand nodes reads
// three words where it is sparse.
type set struct {
	words []uint64
	some  []uint64 // bit i: words[i] is not 0
	size  int
}

func (s *set) add(slot int) {
	w := slot >> 6
	if w >= len(s.words) {
		s.grow(w + 1)
	}
	bit := uint64(1) << (slot & 63)
	if s.words[w]&bit == 0 {
		s.words[w] |= bit
		s.some[w>>6] |= 1 << (w & 63)
		s.size++
	}
}

func (s *set) remove(slot int) {
	if !s.has(slot) {
		return
	}
	w := slot >> 6
	s.words[w] &^= 1 << (slot & 63)
	if s.words[w] == 0 {
		s.some[w>>6] &^= 1 << (w & 63)
	}
	s.size--
}

func (s *set) has(slot int) bool {
	w := slot >> 6
	return w < len(s.words) && s.words[w]&(1<<(slot&63)) != 0
}

// grow makes room for so many words, and some more: slots come in rising order
// when a fleet is set up.
func (s *set) grow(words int) {
	words = max(words, len(s.words)+len(s.words)/2)
	s.words = append(s.words, make([]uint64, words-len(s.words))...)
	if n := (len(s.words) + 63) >> 6; n > len(s.some) {
		s.some = append(s.some, make([]uint64, n-len(s.some))...)
	}
}

func (s *set) clear() {
	clear(s.words)
	clear(s.some)
	s.size = 0
}

// word returns the i-th 64 slots; those beyond the end are empty.
func (s *set) word(i int) uint64 {
	if i >= len(s.words) {
		return 0
	}
	return s.words[i]
}

// sieve lets through the slots that are in every set of in and in none of out.
type sieve struct{ in, out []*set }

// open tells whether it lets everybody through.
func (f *sieve) open() bool { return len(f.in)+len(f.out) == 0 }

func (f *sieve) word(i int, w uint64) uint64 {
	for _, s := range f.in {
		w &= s.word(i)
	}
	for _, s := range f.out {
		w &^= s.word(i)
	}
	return w
}

// next returns the first member from the slot on that the sieve lets through,
// or -1.
func (s *set) next(from int, f *sieve) int {
	first := from >> 6
	for i := s.nextWord(first); i >= 0; i = s.nextWord(i + 1) {
		w := f.word(i, s.words[i])
		if i == first {
			w &= ^uint64(0) << (from & 63)
		}
		if w != 0 {
			return i<<6 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// nextWord returns the first word from the i-th on that is not empty, or -1.
func (s *set) nextWord(i int) int {
	for j := i >> 6; j < len(s.some); j++ {
		w := s.some[j]
		if j == i>>6 {
			w &= ^uint64(0) << (i & 63)
		}
		if w != 0 {
			return j<<6 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// shared counts the slots that are in both.
func (s *set) shared(other *set) int {
	n := 0
	for i := s.nextWord(0); i >= 0; i = s.nextWord(i + 1) {
		n += bits.OnesCount64(s.words[i] & other.word(i))
	}
	return n
}
