package replay

import (
	"math/rand"
	"slices"
)

// arrivals are the tasks in the order of one seed, and the machines in the
// order in which ties between them are broken. The draws follow the published
// protocol one for one (Go's math/rand, shuffle, then drawing with replacement
// up to 130 % of the fleet's GPUs), so a seed means the same there and here.
func (t *Trace) arrivals(seed int64) ([]Task, []Machine) {
	r := rand.New(rand.NewSource(seed))
	r.Int() // the authors' simulator draws once before it shuffles
	tasks := slices.Clone(t.Tasks)
	r.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })

	limit, sum := t.capacity()/10*13, 0
	for i := range tasks {
		sum += tasks[i].demand()
	}
	trimmed := sum > limit
	for sum > limit {
		i := r.Intn(len(tasks))
		sum -= tasks[i].demand()
		tasks = slices.Delete(tasks, i, i+1)
	}
	for !trimmed {
		next := t.Tasks[r.Intn(len(t.Tasks))]
		if sum+next.Milli > limit {
			break
		}
		sum += next.demand()
		tasks = append(tasks, next)
	}

	machines := make([]Machine, len(t.Machines))
	for i, rank := range r.Perm(len(machines)) {
		machines[rank] = t.Machines[i]
	}
	return tasks, machines
}
