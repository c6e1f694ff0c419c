package hub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
)

// pattern is a head followed by one block over and over, without holding more
// than that in memory.
type pattern struct {
	head, block []byte
	size        int64
}

// blockBytes is no power of two, so that no two aligned pieces of a file are
// equal and a wrong offset does not go unseen.
const blockBytes = 1<<16 - 7

// Size is the length in bytes.
func (p pattern) Size() int64 { return p.size }

// ReadAt makes the bytes from offset on.
func (p pattern) ReadAt(b []byte, offset int64) (n int, err error) {
	for n < len(b) && offset < p.size {
		from := p.head
		if offset < int64(len(p.head)) {
			from = from[offset:]
		} else {
			from = p.block[(offset-int64(len(p.head)))%int64(len(p.block)):]
		}
		c := copy(b[n:], from[:min(int64(len(from)), p.size-offset)])
		n, offset = n+c, offset+int64(c)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// tensorFile is a valid safetensors file with one BF16 tensor of so many bytes,
// seeded by the names.
func tensorFile(id, tensor string, size int64) pattern {
	header, err := json.Marshal(map[string]any{
		"__metadata__": map[string]string{"format": "pt", "aim_simulated": "true"},
		tensor:         map[string]any{"dtype": "BF16", "shape": []int64{size / 2}, "data_offsets": []int64{0, size}},
	})
	if err != nil {
		panic(fmt.Sprintf("simulated hub: %v", err)) // strings and numbers only
	}
	header = append(header, bytes.Repeat([]byte(" "), -len(header)&7)...) // tensors start aligned
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	head = append(head, header...)
	block := make([]byte, blockBytes)
	random := rand.NewChaCha8(sha256.Sum256([]byte(id + "/" + tensor)))
	random.Read(block) // never fails
	return pattern{head, block, int64(len(head)) + size}
}

// etag is the hub's name for the content of a file: SHA-256 of a large one,
// git's blob SHA-1 of a small one.
func (s *Server) etag(m Model, e entry) string {
	if !e.large {
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", e.data.Size())
		return sum(h, e.data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := fmt.Sprintf("%s/%s/%d", m.id, e.name, e.data.Size())
	if s.etags[key] == "" {
		s.etags[key] = sum(sha256.New(), e.data)
	}
	return s.etags[key]
}

// sum hashes content of any size in little memory.
func sum(h hash.Hash, c content) string {
	io.CopyBuffer(h, io.NewSectionReader(c, 0, c.Size()), make([]byte, 1<<20)) // neither side fails
	return hex.EncodeToString(h.Sum(nil))
}
