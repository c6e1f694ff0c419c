package replay

import (
	"fmt"
	"testing"
)

// refuser places nothing but the tasks with these ids.
type refuser map[int]bool

func (r refuser) Place(id int, _ Task) bool { return r[id] }
func (r refuser) Remove(int)                {}

// TestCurve works a tiny trace out by hand: two GPUs, tasks of half a GPU, the
// second of which finds no room.
func TestCurve(t *testing.T) {
	trace := Trace{
		Machines: []Machine{{Name: "m", GPUs: 2}},
		Tasks:    []Task{{Name: "a", GPUs: 1, Milli: 500}},
	}
	c := Replay(trace, 42, Policy{New: func([]Machine, []Task, int64) Fleet { return refuser{0: true, 2: true} }})
	for percent, want := range map[int]float64{0: 0, 25: 25, 49: 25, 50: 25, 75: 50, 100: 50, 125: 50, 130: 50} {
		if got := c.At(percent); got != want {
			t.Errorf("at %d: %v, want %v", percent, got, want)
		}
	}
}

// TestArrivals: demand ends within one task of 130 %, the same seed gives the
// same order, and all machines are there once.
func TestArrivals(t *testing.T) {
	trace, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	tasks, machines := trace.arrivals(42)
	again, order := trace.arrivals(42)
	if fmt.Sprint(tasks, machines) != fmt.Sprint(again, order) {
		t.Error("one seed, two orders")
	}
	if other, _ := trace.arrivals(43); fmt.Sprint(tasks) == fmt.Sprint(other) {
		t.Error("two seeds, one order")
	}
	demand := 0
	for i := range tasks {
		demand += tasks[i].demand()
	}
	if limit := trace.capacity() * 13 / 10; demand > limit+7*milli || demand < limit-8*milli {
		t.Errorf("demand %d, want about %d", demand, limit)
	}
	seen := map[string]bool{}
	for _, m := range machines {
		seen[m.Name] = true
	}
	if len(seen) != len(trace.Machines) {
		t.Errorf("%d machines of %d", len(seen), len(trace.Machines))
	}
}

// TestArrivalsAreTrimmed: a trace that asks for more than 130 % loses tasks.
func TestArrivalsAreTrimmed(t *testing.T) {
	trace := Trace{Machines: []Machine{{Name: "m", GPUs: 8}}}
	for i := range 20 {
		trace.Tasks = append(trace.Tasks, Task{Name: fmt.Sprint(i), GPUs: 1, Milli: milli})
	}
	if tasks, _ := trace.arrivals(1); len(tasks) != 10 {
		t.Errorf("%d tasks of one GPU for eight, want 10", len(tasks))
	}
}
