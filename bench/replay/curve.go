package replay

import "math"

// Policy makes a fleet that places by one policy. The mix is the tasks of the
// whole trace, for those policies that are told it beforehand.
type Policy struct {
	Name string
	Ours bool
	New  func(machines []Machine, mix []Task, seed int64) Fleet
}

// Fleet places tasks by some policy. Ids are the caller's.
type Fleet interface {
	// Place gives the task room, and tells whether there was any.
	Place(id int, t Task) bool
	// Remove gives the room of a placed task back.
	Remove(id int)
}

// lastPercent is how much demand arrives, in percent of the fleet's GPUs.
const lastPercent = 130

// Curve is GPU allocation over arrived demand, both in percent of the fleet.
type Curve struct {
	sum   [lastPercent + 1]float64
	count [lastPercent + 1]int
}

// At is the mean allocation while arrived demand was at this percentage. Where
// none arrived there, as happens in a small fleet, it is that of the percentage
// before.
func (c *Curve) At(percent int) float64 {
	for ; percent >= 0; percent-- {
		if n := c.count[percent]; n > 0 {
			return c.sum[percent] / float64(n)
		}
	}
	return 0
}

func (c *Curve) note(arrived, allocated, capacity int) {
	percent := int(math.RoundToEven(float64(arrived) / float64(capacity) * 100))
	if percent > lastPercent {
		return
	}
	// The protocol averages figures that are rounded to two digits.
	c.sum[percent] += math.Round(float64(allocated)/float64(capacity)*1e4) / 100
	c.count[percent]++
}

// Replay lets the trace's tasks arrive in the order of the seed. None leaves.
func Replay(t Trace, seed int64, p Policy) *Curve {
	tasks, machines := t.arrivals(seed)
	fleet := p.New(machines, t.Tasks, seed)
	capacity := t.capacity()
	c := &Curve{}
	arrived, allocated := 0, 0
	for id, task := range tasks {
		arrived += task.demand()
		if fleet.Place(id, task) {
			allocated += task.demand()
		}
		c.note(arrived, allocated, capacity)
	}
	return c
}
