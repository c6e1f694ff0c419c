package route

import "hash/maphash"

// A prompt is hashed in blocks that grow with their place in it, so that a long
// one has few: the start of a hit is known to 512 bytes (some 128 tokens), its end to
// a sixteenth of its length.
//
//	blocks 0-15   16-31   32-47   48-63   ...   a prompt of 220 KB has 75
//	512 B         1 KiB   2 KiB   4 KiB
const (
	firstBlock = 512
	ofASize    = 16
)

// Prefix is the hashes of a prompt's blocks. Two prompts agree in as many leading
// hashes as they have leading blocks in common. What is left at the end is no
// block.
type Prefix struct {
	blocks []uint64
	bytes  int // of the whole prompt
}

var seed = maphash.MakeSeed()

// PrefixOf hashes a prompt.
func PrefixOf(prompt []byte) Prefix {
	p := Prefix{bytes: len(prompt)}
	var before uint64
	for size := blockSize(0); len(prompt) >= size; size = blockSize(len(p.blocks)) {
		h := maphash.Bytes(seed, prompt[:size])
		before = (before^h)*0x9e3779b97f4a7c15 + h // the same block after another is another
		p.blocks = append(p.blocks, before)
		prompt = prompt[size:]
	}
	return p
}

// Blocks is how many a replica has to remember of the prompt.
func (p Prefix) Blocks() int { return len(p.blocks) }

func blockSize(i int) int { return firstBlock << (i / ofASize) }

// upTo is how many bytes the first n blocks have.
func upTo(n int) int {
	whole, rest := n/ofASize, n%ofASize
	return ofASize*firstBlock*(1<<whole-1) + rest*firstBlock<<whole
}

// prefixes is a bounded memory of the blocks that a replica has read, the ones
// not used for longest forgotten first. An entry takes about 40 bytes.
type prefixes struct {
	at      map[uint64]int32
	entries []prefixEntry // 0 is the head of the ring
}

type prefixEntry struct {
	block      uint64
	prev, next int32
}

func newPrefixes(limit int) *prefixes {
	return &prefixes{at: make(map[uint64]int32), entries: make([]prefixEntry, 1, limit+1)}
}

// hit is how many of the leading blocks are remembered. Blocks are chained, so
// that all before a remembered one were read with it: halving finds the last. A
// block that was forgotten before its successors makes the answer smaller.
func (p *prefixes) hit(blocks []uint64) int {
	low, high := 0, len(blocks)
	for low < high {
		mid := (low + high + 1) / 2
		if _, ok := p.at[blocks[mid-1]]; ok {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// read remembers the blocks as used now. The last goes in first, so that the
// front of a prompt, which others may share, is forgotten last.
func (p *prefixes) read(blocks []uint64) {
	if limit := cap(p.entries) - 1; len(blocks) > limit {
		blocks = blocks[:limit]
	}
	for i := len(blocks) - 1; i >= 0; i-- {
		p.touch(blocks[i])
	}
}

func (p *prefixes) touch(block uint64) {
	i, ok := p.at[block]
	switch {
	case ok:
		p.unlink(i)
	case len(p.entries) < cap(p.entries):
		i = int32(len(p.entries))
		p.entries = append(p.entries, prefixEntry{})
	default:
		i = p.entries[0].prev // the oldest
		p.unlink(i)
		delete(p.at, p.entries[i].block)
	}
	p.at[block] = i
	p.entries[i].block = block
	head := &p.entries[0]
	p.entries[i].prev, p.entries[i].next = 0, head.next
	p.entries[head.next].prev = i
	head.next = i
}

func (p *prefixes) unlink(i int32) {
	e := p.entries[i]
	p.entries[e.prev].next, p.entries[e.next].prev = e.next, e.prev
}
