package hub

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

const (
	// maxIndex bounds an index or description read into memory: the largest
	// known index (Kimi K2, 1T parameters) has about 10 MB.
	maxIndex = 128 << 20
	// maxHeader is the limit of the safetensors format for its header.
	maxHeader = 100_000_000
)

// decodeIndex reads a safetensors or PyTorch index and returns the weight files
// that it names, sorted.
func decodeIndex(data []byte) ([]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("read weight index: %w", err)
	}
	if len(index.WeightMap) == 0 {
		return nil, errors.New("read weight index: it names no weights")
	}
	names := slices.Compact(slices.Sorted(maps.Values(index.WeightMap)))
	for _, name := range names {
		if !localName(name) {
			return nil, fmt.Errorf("read weight index: unsafe file name %q", name)
		}
	}
	return names, nil
}

// checkSafetensors tells whether a file of so many bytes is a whole safetensors
// file, from its header alone: eight bytes of header length (little-endian), the
// header as JSON with the byte range of every tensor, then the tensors without a
// gap (https://github.com/huggingface/safetensors#format).
func checkSafetensors(r io.Reader, size int64) error {
	var length uint64
	if err := binary.Read(r, binary.LittleEndian, &length); err != nil {
		return errors.New("it is cut inside the header")
	}
	if length > maxHeader {
		return errors.New("it is not a safetensors file")
	}
	if int64(length)+8 > size {
		return errors.New("it is cut inside the header")
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return errors.New("it is cut inside the header")
	}
	var tensors map[string]struct {
		Offsets []int64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(header, &tensors); err != nil {
		return errors.New("its safetensors header is damaged")
	}
	var end int64
	for _, t := range tensors { // the entry __metadata__ has no offsets
		if len(t.Offsets) == 2 {
			end = max(end, t.Offsets[1])
		}
	}
	if want := int64(length) + 8 + end; size != want || end < 0 {
		return fmt.Errorf("it has %d bytes of %d", size, want)
	}
	return nil
}
