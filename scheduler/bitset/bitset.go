package bitset

import "math/bits"

// Set is a set of slots: nodes by their place in the order of their ids, so
// that the first of a set is also the first by name. A second level marks the
// words that are not empty; finding the next member of ten thousand nodes reads
// three words where it is sparse.
type Set struct {
	words []uint64
	some  []uint64 // bit i: words[i] is not 0
	Size  int
}

func (s *Set) Add(slot int) {
	w := slot >> 6
	if w >= len(s.words) {
		s.grow(w + 1)
	}
	bit := uint64(1) << (slot & 63)
	if s.words[w]&bit == 0 {
		s.words[w] |= bit
		s.some[w>>6] |= 1 << (w & 63)
		s.Size++
	}
}

func (s *Set) Remove(slot int) {
	if !s.Has(slot) {
		return
	}
	w := slot >> 6
	s.words[w] &^= 1 << (slot & 63)
	if s.words[w] == 0 {
		s.some[w>>6] &^= 1 << (w & 63)
	}
	s.Size--
}

func (s *Set) Has(slot int) bool {
	w := slot >> 6
	return w < len(s.words) && s.words[w]&(1<<(slot&63)) != 0
}

// grow makes room for so many words, and some more: slots come in rising order
// when a fleet is set up.
func (s *Set) grow(words int) {
	words = max(words, len(s.words)+len(s.words)/2)
	s.words = append(s.words, make([]uint64, words-len(s.words))...)
	if n := (len(s.words) + 63) >> 6; n > len(s.some) {
		s.some = append(s.some, make([]uint64, n-len(s.some))...)
	}
}

func (s *Set) Clear() {
	clear(s.words)
	clear(s.some)
	s.Size = 0
}

// word returns the i-th 64 slots; those beyond the end are empty.
func (s *Set) word(i int) uint64 {
	if i >= len(s.words) {
		return 0
	}
	return s.words[i]
}

// Filter lets through the slots that are in every set of in and in none of out.
type Filter struct{ In, Out []*Set }

// Open tells whether it lets everybody through.
func (f *Filter) Open() bool { return len(f.In)+len(f.Out) == 0 }

func (f *Filter) word(i int, w uint64) uint64 {
	for _, s := range f.In {
		w &= s.word(i)
	}
	for _, s := range f.Out {
		w &^= s.word(i)
	}
	return w
}

// Next returns the first member from the slot on that the sieve lets through,
// or -1.
func (s *Set) Next(from int, f *Filter) int {
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
func (s *Set) nextWord(i int) int {
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

// Shared counts the slots that are in both.
func (s *Set) Shared(other *Set) int {
	n := 0
	for i := s.nextWord(0); i >= 0; i = s.nextWord(i + 1) {
		n += bits.OnesCount64(s.words[i] & other.word(i))
	}
	return n
}
