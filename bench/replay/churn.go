package replay

import (
	"cmp"
	"container/heap"
	"math/rand"
)

// Load is demand that comes and goes: what LLM serving asks of a fleet of
// machines with eight GPUs.
type Load struct {
	Name     string
	Shapes   []Task
	Weights  []int   // by shape
	Rho      float64 // offered load as a part of the fleet
	Machines int
	Requests int // the first third warms up and is not counted
}

// MixA is many small models and few large ones. Shares are GiB of a GPU of 192.
func MixA() Load {
	return serving("llm-a", []int{16, 24, 40, 48, 64, 80, 96, 144}, []int{8, 8, 8, 6, 6, 4, 4, 4}, []int{24, 10, 9, 9})
}

// MixB is few small models and many large ones.
func MixB() Load {
	return serving("llm-b", []int{24, 48, 80, 144}, []int{4, 4, 6, 6}, []int{20, 20, 20, 20})
}

// serving makes a load of shares of a GPU, and of 1, 2, 4 and 8 whole ones.
func serving(name string, gib, shares, wholes []int) Load {
	l := Load{Name: name, Rho: 0.97, Machines: 777, Requests: 60_000}
	for i, g := range gib {
		l.Shapes = append(l.Shapes, Task{GPUs: 1, Milli: g * milli / 192})
		l.Weights = append(l.Weights, shares[i])
	}
	for i, w := range wholes {
		l.Shapes = append(l.Shapes, Task{GPUs: 1 << i, Milli: milli})
		l.Weights = append(l.Weights, w)
	}
	return l
}

// Accepted is what became of the demand of a load, in percent.
type Accepted struct {
	GPU      float64 // of the GPU demand, what was accepted
	Rejected float64 // of the requests for eight GPUs, what was rejected
	Moves    float64 // placed tasks that were moved, for every 1,000 requests
}

// Churn offers the load to a fleet under the policy: arrivals are Poisson,
// lifetimes exponential with mean 1, what does not fit is lost. Every policy
// sees the same requests with the same lifetimes.
func Churn(l Load, seed int64, p Policy) Accepted {
	machines := make([]Machine, l.Machines)
	for i := range machines {
		machines[i] = Machine{Model: "MI300X", GPUs: maxGPUs}
	}
	fleet := p.New(machines, l.tasks(), seed)
	r := rand.New(rand.NewSource(seed))
	rate := l.rate()
	var ends departures
	var count tally
	now := 0.0
	for id := range l.Requests {
		now += r.ExpFloat64() / rate
		task, lifetime := l.draw(r), r.ExpFloat64()
		for len(ends) > 0 && ends[0].at < now {
			fleet.Remove(heap.Pop(&ends).(departure).id)
		}
		placed := fleet.Place(id, task)
		if placed {
			heap.Push(&ends, departure{now + lifetime, id})
		}
		if id >= l.Requests/3 {
			count.note(task, placed)
		}
	}
	a := count.result()
	if m, ok := fleet.(interface{ Moves() int }); ok {
		a.Moves = 1000 * float64(m.Moves()) / float64(l.Requests)
	}
	return a
}

// tasks is the load as a list of tasks, for those who learn the mix from one.
func (l *Load) tasks() []Task {
	var tasks []Task
	for i, s := range l.Shapes {
		for range l.Weights[i] {
			tasks = append(tasks, s)
		}
	}
	return tasks
}

// rate is the arrivals per lifetime that make the offered load.
func (l *Load) rate() float64 {
	demand, weight := 0, 0
	for i := range l.Shapes {
		demand += l.Weights[i] * l.Shapes[i].demand()
		weight += l.Weights[i]
	}
	mean := float64(demand) / float64(weight)
	return l.Rho * float64(l.Machines*maxGPUs*milli) / mean
}

func (l *Load) draw(r *rand.Rand) Task {
	total := 0
	for _, w := range l.Weights {
		total += w
	}
	at := r.Intn(total)
	i := 0
	for at >= l.Weights[i] {
		at -= l.Weights[i]
		i++
	}
	return l.Shapes[i]
}

type departure struct {
	at float64
	id int
}

// departures is a heap, the next first.
type departures []departure

func (d departures) Len() int           { return len(d) }
func (d departures) Less(i, j int) bool { return cmp.Compare(d[i].at, d[j].at) < 0 }
func (d departures) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *departures) Push(x any)        { *d = append(*d, x.(departure)) }
func (d *departures) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// tally counts demand and what was accepted of it.
type tally struct{ demand, accepted, large, lost int }

func (c *tally) note(t Task, placed bool) {
	c.demand += t.demand()
	if placed {
		c.accepted += t.demand()
	}
	if t.GPUs == maxGPUs {
		c.large++
		if !placed {
			c.lost++
		}
	}
}

func (c *tally) result() Accepted {
	return Accepted{
		GPU:      100 * float64(c.accepted) / float64(c.demand),
		Rejected: 100 * float64(c.lost) / float64(c.large),
	}
}
