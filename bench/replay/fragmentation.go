package replay

import (
	"cmp"
	"slices"
)

// mix is the shapes of tasks with their shares of all tasks.
type mix []struct {
	task  Task
	share float64
}

// popular is the mix that FGD knows: shapes without their memory, the most
// frequent first until 95 % of all tasks are covered.
func popular(tasks []Task) mix {
	counts := map[Task]int{}
	var shapes []Task
	for _, t := range tasks {
		s := t.shape()
		s.MemoryMiB = 0
		if counts[s] == 0 {
			shapes = append(shapes, s)
		}
		counts[s]++
	}
	slices.SortStableFunc(shapes, func(a, b Task) int { return cmp.Compare(counts[b], counts[a]) })
	covered, last := 0, 0
	for last < len(shapes) && float64(covered) < 0.95*float64(len(tasks)) {
		covered += counts[shapes[last]]
		last++
	}
	m := make(mix, last)
	for i := range m {
		m[i].task, m[i].share = shapes[i], float64(counts[shapes[i]])/float64(covered)
	}
	return m
}

// fragmentation is the free GPU of the machine, in thousandths, that the mix
// cannot use: all of it for a task that does not fit or wants no GPU, else what
// is free on GPUs with too little for the task.
func (m mix) fragmentation(s *state) float64 {
	all := s.sum()
	if all == 0 {
		return 0
	}
	sum := 0.0
	for i := range m {
		t := &m[i].task
		useless := all
		if t.GPUs > 0 && s.fits(t) {
			useless = 0
			for _, f := range s.free[:s.gpus] {
				if f < t.Milli {
					useless += f
				}
			}
		}
		sum += m[i].share * float64(useless)
	}
	return sum
}
