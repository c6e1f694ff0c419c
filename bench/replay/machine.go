package replay

import "strings"

// maxGPUs is the most GPUs that a machine of a trace may have.
const maxGPUs = 8

// state is what is free on a machine, for the rivals.
type state struct {
	cpus, memory int
	gpus         int
	free         [maxGPUs]int // thousandths free of each GPU
	model        string
}

func newState(m Machine) state {
	s := state{cpus: m.CPUs, memory: m.MemoryMiB, gpus: m.GPUs, model: m.Model}
	for g := range s.gpus {
		s.free[g] = milli
	}
	return s
}

// roomy counts the GPUs with so many free thousandths.
func (s *state) roomy(thousandths int) int {
	n := 0
	for _, f := range s.free[:s.gpus] {
		if f >= thousandths {
			n++
		}
	}
	return n
}

// sum is the free GPU in thousandths.
func (s *state) sum() int {
	sum := 0
	for _, f := range s.free[:s.gpus] {
		sum += f
	}
	return sum
}

func (s *state) fits(t *Task) bool {
	if s.cpus < t.CPUs || s.memory < t.MemoryMiB {
		return false
	}
	return t.GPUs == 0 || s.roomy(t.Milli) >= t.GPUs && t.allows(s.model)
}

func (t *Task) allows(model string) bool {
	if t.Models == "" {
		return true
	}
	for m := range strings.SplitSeq(t.Models, "|") {
		if m == model {
			return true
		}
	}
	return false
}

// tightest is the GPU that the task leaves least of.
func (s *state) tightest(t *Task) int {
	best := -1
	for g, f := range s.free[:s.gpus] {
		if f >= t.Milli && (best < 0 || f < s.free[best]) {
			best = g
		}
	}
	return best
}

// taken is what a placed task holds: a part of one GPU, or GPUs whole.
type taken struct {
	task    Task
	machine int
	gpus    [maxGPUs]bool
}

// take places a task that fits, a part of a GPU on this one.
func (s *state) take(t *Task, gpu int) (held [maxGPUs]bool) {
	if t.shared() {
		held[gpu] = true
	} else {
		left := t.GPUs
		for g := 0; left > 0; g++ {
			if s.free[g] >= t.Milli {
				held[g] = true
				left--
			}
		}
	}
	s.move(t, held, -1)
	return held
}

// move gives (sign 1) or takes (sign -1) what the task holds.
func (s *state) move(t *Task, held [maxGPUs]bool, sign int) {
	s.cpus += sign * t.CPUs
	s.memory += sign * t.MemoryMiB
	for g, h := range held {
		if h {
			s.free[g] += sign * t.Milli
		}
	}
}
