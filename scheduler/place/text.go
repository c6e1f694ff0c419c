package place

import (
	"fmt"
	"strconv"
	"strings"
)

// bytesText writes a size in GiB, with one decimal where it matters.
func bytesText(b uint64) string {
	gib := float64(b) / (1 << 30)
	return strconv.FormatFloat(float64(int64(gib*10+0.5))/10, 'f', -1, 64) + " GiB"
}

// gpusText names what one rank asks for: "1 GPU", "8 MI300X GPUs".
func (s *RequestClass) gpusText() string {
	what := plural(s.gpus, "GPU", "GPUs")
	if len(s.types) > 0 {
		what = s.typesText() + " " + what
	}
	return fmt.Sprintf("%d %s", s.gpus, what)
}

func (s *RequestClass) typesText() string { return strings.Join(s.types, " or ") }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
