package scheduler

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
func (s *shape) gpusText() string {
	what := plural(s.gpus, "GPU", "GPUs")
	if len(s.types) > 0 {
		what = s.typesText() + " " + what
	}
	return fmt.Sprintf("%d %s", s.gpus, what)
}

func (s *shape) typesText() string { return strings.Join(s.types, " or ") }

// String names the kind for people: "MI300X SPX/NPS1", "MI300X CPX/NPS4, 8 partitions".
func (k kind) String() string {
	s := k.gpuType
	if s == "" {
		s = "unknown type"
	}
	switch {
	case k.compute != "" && k.memory != "":
		s += " " + k.compute + "/" + k.memory
	case k.compute+k.memory != "":
		s += " " + k.compute + k.memory
	}
	if k.partitions > 1 {
		s += fmt.Sprintf(", %d partitions", k.partitions)
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// writer builds a sentence in one allocation.
type writer struct{ strings.Builder }

func (w *writer) int(n int) *writer {
	var digits [20]byte
	w.Write(strconv.AppendInt(digits[:0], int64(n), 10))
	return w
}

func (w *writer) text(s string) *writer {
	w.WriteString(s)
	return w
}
