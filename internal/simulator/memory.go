package simulator

import (
	"fmt"
	"math"
	"strconv"
)

const (
	gib = 1 << 30
	// mi300xVRAM is the memory of a GPU where no tree tells, in bytes.
	mi300xVRAM uint64 = 206_141_652_992
	// kvPerToken is the KV cache of one token over all GPUs, in bytes: that of a
	// dense model of about 30 billion parameters.
	kvPerToken = 128 << 10
	// weightShare is the part of its memory that a server fills with weights,
	// unless AIM_SIM_WEIGHTS_BYTES says how large they are.
	weightShare = 0.6
	// longestModel is the length that "auto" finds, if there is memory for it.
	longestModel = 131_072
)

// memory is how a server uses each of its GPUs, in bytes a GPU.
type memory struct {
	total   uint64
	budget  uint64 // what vLLM may use, idle use of the GPU included
	weights uint64
	kv      int64 // left for the KV cache; negative when the weights alone are too large
	tokens  int   // that fit into it
	longest int   // max_model_len
}

// planMemory works out the memory of a server. AIM_SIM_WEIGHTS_BYTES is the size
// of the whole model.
func planMemory(c *commandLine, gpus []GPU, env func(string) string) (memory, error) {
	m := memory{total: mi300xVRAM}
	if len(gpus) > 0 {
		m.total = gpus[0].VRAM
	}
	m.budget = uint64(math.Ceil(float64(m.total) * c.utilization()))
	room := int64(m.budget) - int64(idleVRAM)
	m.weights = uint64(float64(max(room, 0)) * weightShare)
	if text := env("AIM_SIM_WEIGHTS_BYTES"); text != "" {
		size, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return m, fmt.Errorf("AIM_SIM_WEIGHTS_BYTES: %q is no number of bytes", text)
		}
		m.weights = size / uint64(c.gpus())
	}
	m.kv = room - int64(m.weights)
	if fixed := c.number("kv-cache-memory-bytes"); fixed > 0 {
		m.kv = int64(fixed)
	}
	m.fit(c)
	return m, nil
}

// fit finds how many tokens the KV cache holds, and the longest request.
func (m *memory) fit(c *commandLine) {
	block := max(c.number("block-size"), 1)
	perToken := int64(max(kvPerToken/c.gpus(), 1))
	m.tokens = int(max(m.kv, 0)/perToken) / block * block
	if c.text("max-model-len") == "auto" {
		m.longest = min(m.tokens, longestModel)
		return
	}
	m.longest = c.number("max-model-len")
	// The cost of a token is made up here, so no length may fail for it: whoever
	// wants that failure asks for kv_short.
	m.tokens = max(m.tokens, m.longest)
}

// held is what the server holds of each GPU once it is ready.
func (m memory) held() uint64 { return m.weights + uint64(max(m.kv, 0)) }

// inGiB is a size as vLLM prints it.
func inGiB[N int64 | uint64 | int](bytes N) string { return fmt.Sprintf("%.2f", float64(bytes)/gib) }
