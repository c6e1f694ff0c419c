package workflows

import (
	"slices"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// changed applies another spec, whose ladder is chosen at once.
func (k *desk) changed(length int) {
	s := k.d.wanted()
	s.MaxModelLen = length
	k.d.apply(s)
	k.step(asked{})
	if k.d.now.Choosing != nil {
		k.step(chosen{ladder: threeRungs()})
	}
}

// serves counts the replicas that serve, and fails when they are too few.
func (k *desk) serves(atLeast int) {
	k.t.Helper()
	n := 0
	for _, m := range k.d.now.Members {
		if m.Status.Phase == aim.Ready && !m.Closed && m.Lost == "" && !m.Stopping {
			n++
		}
	}
	if n < atLeast {
		k.t.Fatalf("%d replicas serve, want at least %d: %+v", n, atLeast, k.d.status())
	}
}

// obeyStops closes those that were told to stop.
func (k *desk) obeyStops() {
	for _, m := range slices.Clone(k.d.now.Members) {
		if m.Stopping && !m.Closed {
			k.say(m.Ordinal, func(r *report) { r.Status.Phase = aim.Stopped })
		}
	}
}

func fails(class aim.FailureClass) func(*report) {
	return func(r *report) {
		r.Status.Phase = aim.Failed
		r.Status.Tries = []aim.Try{{Class: class, Why: "made to fail"}}
	}
}

// Where there is room, another version takes the place of the old one by one, and
// all that are wanted serve all the time.
func TestAChangeWithRoomStopsNothingThatServes(t *testing.T) {
	k := newDesk(t, replicas(3))
	k.begin()
	k.changed(8192)
	for range 20 {
		k.serves(3)
		if n := len(k.starts); n > 1 {
			t.Fatalf("%d successors at once", n)
		}
		k.begin()
		k.pass(provedAfter)
		k.obeyStops()
	}
	if k.d.now.Change != nil || k.d.now.Good != 2 || len(k.d.now.Members) != 3 {
		t.Errorf("the change has not come about: %+v", k.d.now)
	}
}

// A version whose servers become ready and then die replaces nobody.
func TestAVersionThatDiesAfterItWasReadyReplacesNobody(t *testing.T) {
	k := newDesk(t, replicas(3))
	k.begin()
	k.changed(8192)
	ordinal := k.starts[0].Ordinal
	k.begin()
	k.now = k.now.Add(provedAfter / 2)
	k.say(ordinal, func(r *report) { r.Status.Phase = aim.Degraded; r.Status.Tries = []aim.Try{{Class: aim.ClassExited}} })
	k.serves(3)
	k.obeyStops()
	if k.d.now.NotTaken == nil || k.d.now.NotTaken.Class != aim.ClassExited || k.d.now.Target != 1 || len(k.d.now.Members) != 3 {
		t.Errorf("after it died: target %d, %d members, not taken %v", k.d.now.Target, len(k.d.now.Members), k.d.now.NotTaken)
	}
	if len(k.starts) != 0 || k.d.status().Phase != aim.Ready {
		t.Errorf("starts %v, %s", k.starts, k.d.status().Phase)
	}
}

// Without room, at most max_unavailable are away and min_available stay.
func TestAChangeWithoutRoomKeepsTheLimits(t *testing.T) {
	for _, c := range []struct{ replicas, min, away int }{{3, 0, 1}, {3, 2, 1}, {3, 3, 0}, {1, 0, 1}, {1, 1, 0}} {
		spec := replicas(c.replicas)
		spec.MinAvailable = c.min
		k := newDesk(t, spec)
		k.begin()
		k.changed(8192)
		ordinal := k.starts[0].Ordinal
		k.step(childBegan{ordinal: ordinal, run: "x"})
		k.say(ordinal, fails(aim.ClassCapacity))
		restarts := 0
		for _, o := range k.orders {
			if o.c.Verb == verbRestart {
				restarts++
				if !o.c.Update.Trial {
					t.Error("what is not known to work is no trial")
				}
			}
		}
		if restarts != c.away {
			t.Errorf("%+v: %d are told to restart: %+v", c, restarts, k.d.status())
		}
	}
}

// Three changes in a row take no more away than one.
func TestChangesInARowCountAllThatAreAway(t *testing.T) {
	k := newDesk(t, replicas(3))
	k.begin()
	for i, length := range []int{8192, 4096, 2048} {
		k.changed(length)
		if len(k.starts) > 0 {
			in := k.starts[len(k.starts)-1]
			k.starts = nil
			k.step(childBegan{ordinal: in.Ordinal, run: "x"})
			k.say(in.Ordinal, fails(aim.ClassCapacity))
		}
		away := 3
		for _, m := range k.d.now.Members {
			if m.ready() {
				away--
			}
		}
		if away > 1 {
			t.Fatalf("after change %d, %d of 3 are away", i+1, away)
		}
	}
}

// A replica that has gone back from a version stops the change.
func TestATrialThatFailsStopsTheChange(t *testing.T) {
	k := newDesk(t, replicas(2))
	k.begin()
	k.changed(8192)
	ordinal := k.starts[0].Ordinal
	k.step(childBegan{ordinal: ordinal, run: "x"})
	k.say(ordinal, fails(aim.ClassCapacity))
	o := k.orders[len(k.orders)-1]
	k.say(o.ordinal, func(r *report) {
		r.Status.Revision, r.Status.Phase = 1, aim.Ready
		r.Back = &returned{Version: 2, Failure: aim.Failf(aim.ClassOOM, "too large")}
	})
	if k.d.now.NotTaken == nil || k.d.now.NotTaken.Class != aim.ClassOOM || k.d.now.Target != 1 {
		t.Errorf("not taken %v, target %d", k.d.now.NotTaken, k.d.now.Target)
	}
	if s := k.d.status(); s.Phase != aim.Ready || s.Spec.MaxModelLen != 0 {
		t.Errorf("%s with max_model_len %d", s.Phase, s.Spec.MaxModelLen)
	}
}

// Back to the spec that some still run restarts none of them.
func TestBackToTheOldSpecRestartsNobodyThatNeverLeftIt(t *testing.T) {
	k := newDesk(t, replicas(3))
	k.begin()
	k.changed(8192)
	k.begin() // its successor is ready, and not yet proved
	k.orders = nil
	k.changed(0)
	for _, o := range k.orders {
		if m := k.d.find(o.ordinal); m != nil && m.Version == 1 {
			t.Errorf("replica %d, which runs that spec, is told to %s", o.ordinal, o.c.Verb)
		}
	}
	k.obeyStops()
	if k.d.now.Target != 1 || len(k.d.now.Members) != 3 || len(k.starts) > 0 {
		t.Errorf("target %d, %d members, starts %v", k.d.now.Target, len(k.d.now.Members), k.starts)
	}
}

// Scaling down takes what serves nothing first.
func TestScalingDownStopsTheBrokenFirst(t *testing.T) {
	k := newDesk(t, replicas(3))
	k.begin()
	k.say(0, func(r *report) { r.Status.Phase = aim.Degraded })
	k.d.scale(ScaleRequest{Replicas: 2})
	k.orders = nil
	k.step(asked{})
	if len(k.orders) != 1 || k.orders[0].ordinal != 0 {
		t.Errorf("told %+v", k.orders)
	}
}

// A change has the deadline of a first start.
func TestAChangeHasADeadline(t *testing.T) {
	spec := replicas(1)
	spec.Timeout = aim.Duration(time.Minute)
	k := newDesk(t, spec)
	k.begin()
	k.changed(8192)
	in := k.starts[0]
	k.step(childBegan{ordinal: in.Ordinal, run: "x"})
	k.pass(2 * time.Minute)
	if k.d.now.NotTaken == nil || k.d.now.NotTaken.Class != aim.ClassTimeout {
		t.Errorf("not taken: %v", k.d.now.NotTaken)
	}
	k.serves(1)
}

func TestRollback(t *testing.T) {
	k := newDesk(t, replicas(1))
	k.begin()
	if k.d.checkRollback() == nil {
		t.Error("there is nothing to go back to, and it is not refused")
	}
	k.changed(8192)
	k.begin()
	k.pass(provedAfter)
	k.obeyStops()
	if k.d.now.Good != 2 {
		t.Fatalf("the change has not come about: %+v", k.d.status())
	}
	if err := k.d.checkRollback(); err != nil {
		t.Fatal(err)
	}
	if a := k.d.rollback(); !a.Changed || k.d.now.Spec.MaxModelLen != 0 {
		t.Errorf("%+v, %+v", a, k.d.now.Spec)
	}
	k.step(asked{})
	k.begin()
	k.pass(provedAfter)
	k.obeyStops()
	if s := k.d.status(); s.Phase != aim.Ready || k.d.now.Good != 1 {
		t.Errorf("%s, good %d", s.Phase, k.d.now.Good)
	}
}

// A lost replica stays a candidate until its successor has proved itself.
func TestALostReplicaIsReplacedAndStaysACandidate(t *testing.T) {
	lose := func(k *desk) {
		k.say(0, func(r *report) { r.Status.Phase, r.Lost = aim.Degraded, "node n0 is lost" })
		if len(k.starts) != 1 || k.starts[0].Succeeds != causeLoss || k.starts[0].Avoid["n0"] == "" {
			t.Fatalf("started %+v", k.starts)
		}
	}
	t.Run("the successor is first", func(t *testing.T) {
		k := newDesk(t, replicas(1))
		k.begin()
		lose(k)
		k.orders = nil
		k.begin()
		if len(k.orders) != 1 || k.orders[0].ordinal != 0 || k.orders[0].c.Verb != verbStop {
			t.Errorf("told %+v", k.orders)
		}
	})
	t.Run("the node is back first", func(t *testing.T) {
		k := newDesk(t, replicas(1))
		k.begin()
		lose(k)
		in := k.starts[0]
		k.step(childBegan{ordinal: in.Ordinal, run: "x"})
		k.orders = nil
		k.say(0, nil)
		if len(k.orders) != 1 || k.orders[0].ordinal != in.Ordinal || k.orders[0].c.Verb != verbStop {
			t.Errorf("told %+v", k.orders)
		}
		k.serves(1)
	})
}

// A deployment all of whose replicas have ended in a crash loop says so with the
// first cause, and a restart begins anew.
func TestACrashLoopIsToldAndARestartBeginsAnew(t *testing.T) {
	k := newDesk(t, replicas(1))
	k.begin()
	k.say(0, func(r *report) { fails(aim.ClassExited)(r); r.Status.Reason = "it exited (the first of 8)" })
	if s := k.d.status(); s.Phase != aim.Failed || k.d.over() {
		t.Fatalf("%s, over %v", s.Phase, k.d.over())
	}
	k.d.restartAll()
	k.step(asked{})
	if len(k.starts) != 1 {
		t.Fatalf("a restart starts %+v", k.starts)
	}
	k.begin()
	if s := k.d.status(); s.Phase != aim.Ready {
		t.Errorf("%s: %s", s.Phase, s.Reason)
	}
}
