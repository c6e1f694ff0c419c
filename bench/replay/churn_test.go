package replay

import "testing"

// small is a load that takes a moment.
func small(l Load, rho float64) Load {
	l.Machines, l.Requests, l.Rho = 20, 2000, rho
	return l
}

// TestChurnWithRoomAcceptsAll: at a third of the fleet nobody is turned away.
func TestChurnWithRoomAcceptsAll(t *testing.T) {
	for _, p := range append(Rivals()[1:], Ours()) {
		if a := Churn(small(MixA(), 0.3), 1, p); a.GPU != 100 || a.Rejected != 0 {
			t.Errorf("%s: %+v, want all accepted", p.Name, a)
		}
	}
}

// TestChurnUnderPressure: with more asked for than there is, no policy takes
// more than the fleet has, and ours takes more than chance does.
func TestChurnUnderPressure(t *testing.T) {
	load := small(MixB(), 1.5)
	random, ours := Churn(load, 1, Rivals()[0]), Churn(load, 1, Ours())
	if ours.GPU > 80 || ours.GPU <= random.GPU || ours.Rejected >= random.Rejected {
		t.Errorf("ours %+v, random %+v of 150 %% load", ours, random)
	}
}

// TestLoads: the offered load is what it says, worked out from its parts.
func TestLoads(t *testing.T) {
	l := Load{Rho: 0.5, Machines: 10, Shapes: []Task{{GPUs: 1, Milli: 500}, {GPUs: 8, Milli: milli}}, Weights: []int{3, 1}}
	// 80 GPUs at half load is 40; a request takes (3 x 0.5 + 8) / 4 GPUs.
	if got, want := l.rate(), 40/(9.5/4); got < want-1e-9 || got > want+1e-9 {
		t.Errorf("rate %v, want %v", got, want)
	}
	if n := len(l.tasks()); n != 4 {
		t.Errorf("%d tasks in the mix, want 4", n)
	}
}
