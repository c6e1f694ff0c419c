package replay

import (
	"math"
	"math/rand"
)

// Rivals are the published policies, weakest first.
func Rivals() []Policy {
	return []Policy{
		{Name: "random", New: newRandom},
		{Name: "best-fit", New: newBestFit},
		{Name: "gpu-packing", New: newGPUPacking},
		{Name: "fgd-random-ties", New: newFGDRandomTies},
		{Name: "fgd", New: newFGD},
	}
}

// newRandom takes any machine that fits.
func newRandom(machines []Machine, _ []Task, seed int64) Fleet {
	r := newRival(machines, func(s *state, t *Task) rating { return rating{gpu: s.tightest(t)} })
	r.random = rand.New(rand.NewSource(seed))
	return r
}

// newBestFit takes the machine with the least CPU and GPU left, each as a part of
// the largest machine's.
func newBestFit(machines []Machine, _ []Task, _ int64) Fleet {
	var cpus, gpus int
	for _, m := range machines {
		cpus, gpus = max(cpus, m.CPUs), max(gpus, m.GPUs*milli)
	}
	return newRival(machines, func(s *state, t *Task) rating {
		left := float64(s.cpus-t.CPUs)/float64(cpus) + float64(s.sum()-t.demand())/float64(gpus)
		return rating{score: int((1 - left/2) * 100), gpu: s.tightest(t)}
	})
}

// newGPUPacking takes GPUs that are shared already, then GPUs of machines in use,
// then idle machines; in each group the fullest.
func newGPUPacking(machines []Machine, _ []Task, _ int64) Fleet {
	return newRival(machines, func(s *state, t *Task) rating {
		gpu := s.tightest(t)
		idle := s.roomy(milli)
		switch {
		case t.shared() && s.free[gpu] < milli:
			return rating{score: 3*milli - s.free[gpu], gpu: gpu}
		case idle < s.gpus:
			return rating{score: milli - idle, gpu: gpu}
		}
		return rating{score: -idle, gpu: gpu}
	})
}

// newFGDRandomTies is FGD with equal scores decided at random, to show what the
// fixed order of machines is worth.
func newFGDRandomTies(machines []Machine, tasks []Task, seed int64) Fleet {
	r := fgd(machines, tasks)
	r.random = rand.New(rand.NewSource(seed))
	return r
}

// newFGD is fragmentation gradient descent as its authors run it: coarse
// scores, ties to the lowest of one fixed order of the machines.
func newFGD(machines []Machine, tasks []Task, _ int64) Fleet { return fgd(machines, tasks) }

// fgd rates by how much the expected fragmentation of the machine grows,
// through a sigmoid cut to whole numbers from 0 to 100.
func fgd(machines []Machine, tasks []Task) *rival {
	mix := popular(tasks)
	grown := func(before *state, t *Task, gpu int, was float64) int {
		after := *before
		after.take(t, gpu)
		return int(100 / (1 + math.Exp((mix.fragmentation(&after)-was)/milli)))
	}
	return newRival(machines, func(s *state, t *Task) rating {
		was := mix.fragmentation(s)
		if !t.shared() {
			return rating{score: grown(s, t, 0, was)}
		}
		best := rating{score: -1}
		for g, f := range s.free[:s.gpus] {
			if f < t.Milli {
				continue
			}
			if score := grown(s, t, g, was); score > best.score {
				best = rating{score: score, gpu: g}
			}
		}
		return best
	})
}
