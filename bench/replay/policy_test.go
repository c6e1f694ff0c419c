package replay

import (
	"math"
	"math/rand"
	"strings"
	"testing"
)

// TestFragmentation works FGD's measure out by hand.
func TestFragmentation(t *testing.T) {
	s := newState(Machine{CPUs: 10, GPUs: 3})
	s.free = [maxGPUs]int{1000, 600, 300}
	m := mix{
		{Task{GPUs: 1, Milli: 500, CPUs: 1}, 0.5},   // cannot use the 300
		{Task{GPUs: 2, Milli: 1000, CPUs: 1}, 0.25}, // does not fit: all 1,900
		{Task{CPUs: 1}, 0.25},                       // wants no GPU: all 1,900
	}
	if got, want := m.fragmentation(&s), 0.5*300+0.5*1900; math.Abs(got-want) > 1e-9 {
		t.Errorf("fragmentation %v, want %v", got, want)
	}
}

// TestPopular: the mix covers 95 % of the tasks and forgets their memory.
func TestPopular(t *testing.T) {
	var tasks []Task
	for i := range 100 {
		task := Task{GPUs: 1, Milli: 1000, MemoryMiB: i}
		if i < 3 {
			task.GPUs = 2
		}
		tasks = append(tasks, task)
	}
	if m := popular(tasks); len(m) != 1 || m[0].share != 1 || m[0].task != (Task{GPUs: 1, Milli: 1000}) {
		t.Errorf("mix %+v, want the one shape of 97 tasks", m)
	}
}

// TestFleetsKeepTheBooks: under every policy, room that is given back is room
// again, and nothing is placed beyond what there is.
func TestFleetsKeepTheBooks(t *testing.T) {
	trace, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(Rivals(), Ours()) {
		t.Run(p.Name, func(t *testing.T) {
			fleet := p.New(trace.Machines, trace.Tasks, 1)
			for range 2 {
				fillAndEmpty(t, fleet, trace)
			}
		})
	}
}

// fillAndEmpty places whole nodes on every GPU, then tasks at random, and takes
// all away again.
func fillAndEmpty(t *testing.T, fleet Fleet, trace Trace) {
	t.Helper()
	id := 0
	fill := func(task Task) (placed []int) {
		for fleet.Place(id, task) {
			placed = append(placed, id)
			id++
		}
		return placed
	}
	empty := func(ids []int) {
		for _, id := range ids {
			fleet.Remove(id)
		}
	}
	ones := fill(Task{GPUs: 1, Milli: milli})
	if want := trace.capacity() / milli; len(ones) != want {
		t.Fatalf("%d tasks of one GPU fit on %d GPUs", len(ones), want)
	}
	empty(ones)

	r := rand.New(rand.NewSource(1))
	var ids []int
	held := 0
	for range 400 {
		task := trace.Tasks[r.Intn(len(trace.Tasks))]
		if fleet.Place(id, task) {
			ids = append(ids, id)
			held += task.demand()
		}
		id++
	}
	if held > trace.capacity() {
		t.Errorf("%d thousandths placed on %d", held, trace.capacity())
	}
	empty(ids)

	halves := fill(Task{GPUs: 1, Milli: milli / 2})
	if want := 2 * trace.capacity() / milli; len(halves) != want {
		t.Errorf("%d halves fit on %d GPUs", len(halves), want/2)
	}
	empty(halves)
}

// TestOursBeatsFGD on the sample, as it does on the real trace: the mean of four
// seeds, at the end and on the way. The others are not compared: a fleet as
// small as the sample's is easy for plain packing.
func TestOursBeatsFGD(t *testing.T) {
	trace, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	mean := func(p Policy, percent int) float64 {
		sum := 0.0
		for seed := range int64(4) {
			sum += Replay(trace, 42+seed, p).At(percent)
		}
		return sum / 4
	}
	for _, percent := range []int{80, 90, 130} {
		ours := mean(Ours(), percent)
		for _, p := range Rivals() {
			if strings.HasPrefix(p.Name, "fgd") && mean(p, percent) > ours {
				t.Errorf("at %d: %s has %.2f, ours %.2f", percent, p.Name, mean(p, percent), ours)
			}
		}
	}
}

// TestTheSameSeedGivesTheSameCurve: our scheduler learns and remembers, and
// nothing of that may depend on chance.
func TestTheSameSeedGivesTheSameCurve(t *testing.T) {
	trace, err := Sample()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(Rivals(), Ours()) {
		if a, b := Replay(trace, 7, p), Replay(trace, 7, p); *a != *b {
			t.Errorf("%s: two curves from one seed", p.Name)
		}
	}
}
