package replay

import "math/rand"

// rating is how a policy likes a task on a machine that it fits on: more is
// better; gpu is where a part of a GPU would come from.
type rating struct{ score, gpu int }

// rival is a fleet under a published policy: every machine that fits is rated,
// the best takes the task.
type rival struct {
	states []state // by rank
	rate   func(s *state, t *Task) rating
	random *rand.Rand // breaks ties; nil = the lowest rank does
	placed map[int]taken

	// A rating holds until the machine changes. Tasks of a shape are alike.
	shapes   map[Task]int
	ratings  [][]remembered // by shape, then machine
	versions []int          // by machine
}

type remembered struct {
	rating
	fits    bool
	version int
}

func newRival(machines []Machine, rate func(*state, *Task) rating) *rival {
	r := &rival{rate: rate, placed: map[int]taken{}, shapes: map[Task]int{}, versions: make([]int, len(machines))}
	for i, m := range machines {
		r.states = append(r.states, newState(m))
		r.versions[i] = 1
	}
	return r
}

func (r *rival) Place(id int, t Task) bool {
	machine, gpu := r.choose(t.shape())
	if machine < 0 {
		return false
	}
	r.placed[id] = taken{task: t, machine: machine, gpus: r.states[machine].take(&t, gpu)}
	r.versions[machine]++
	return true
}

func (r *rival) Remove(id int) {
	held := r.placed[id]
	delete(r.placed, id)
	r.states[held.machine].move(&held.task, held.gpus, 1)
	r.versions[held.machine]++
}

// choose is the best machine for the task, -1 where none fits.
func (r *rival) choose(shape Task) (machine, gpu int) {
	known := r.ratingsOf(shape)
	best, ties := -1, 0
	for i := range known {
		k := &known[i]
		if k.version != r.versions[i] {
			k.version, k.fits = r.versions[i], r.states[i].fits(&shape)
			if k.fits {
				k.rating = r.rate(&r.states[i], &shape)
			}
		}
		switch {
		case !k.fits:
		case best < 0 || k.score > known[best].score:
			best, ties = i, 1
		case k.score == known[best].score && r.random != nil:
			// The n-th of equals replaces the others with probability 1/n.
			if ties++; r.random.Intn(ties) == 0 {
				best = i
			}
		}
	}
	if best < 0 {
		return -1, 0
	}
	return best, known[best].gpu
}

func (r *rival) ratingsOf(shape Task) []remembered {
	i, known := r.shapes[shape]
	if !known {
		i = len(r.ratings)
		r.shapes[shape] = i
		r.ratings = append(r.ratings, make([]remembered, len(r.states)))
	}
	return r.ratings[i]
}
