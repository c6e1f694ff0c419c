package workflows

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// ladder of three rungs: as written, a patch that helps memory failures, and
// one for anything.
func threeRungs() aim.Ladder {
	rung := func(n int, on ...aim.FailureClass) aim.Rung {
		return aim.Rung{Number: n, Recipe: "r", GPUs: 1, GPUType: "MI300X", Backend: "vllm", On: on}
	}
	return aim.Ladder{Rungs: []aim.Rung{rung(1), rung(2, aim.ClassOOM, aim.ClassKVNone), rung(3)}}
}

func tries(rung int, classes ...aim.FailureClass) []aim.Try {
	var all []aim.Try
	for _, c := range classes {
		all = append(all, aim.Try{Rung: rung, Class: c})
	}
	return all
}

func times(n int, c aim.FailureClass) (all []aim.FailureClass) {
	for range n {
		all = append(all, c)
	}
	return all
}

// well makes them tries of servers that had been ready for long.
func well(all []aim.Try) []aim.Try {
	for i := range all {
		all[i].ReadyMillis = wellAfter.Milliseconds()
	}
	return all
}

// TestARestartIsANewBeginning: what failed before it counts no more.
func TestARestartIsANewBeginning(t *testing.T) {
	r := newReplicaMachine(ReplicaInput{}, "", nil)
	r.now.Status.Attempt = 3
	for i := range 4 {
		r.now.Status.Tries = append(r.now.Status.Tries, aim.Try{Attempt: i + 1})
	}
	if got := len(r.freshTries()); got != 4 {
		t.Errorf("%d of 4 tries count", got)
	}
	r.now.Next = &replicaUpdate{wish: wish{Ladder: threeRungs()}}
	r.takeUpdate()
	r.now.Status.Tries = append(r.now.Status.Tries[:3:3], aim.Try{Attempt: 4})
	if got := r.freshTries(); len(got) != 1 || got[0].Attempt != 4 {
		t.Errorf("after a restart at attempt 3 these count: %+v", got)
	}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name  string
		rung  int
		tries []aim.Try
		class aim.FailureClass
		ready bool
		want  next
	}{
		{"memory goes to the rung that is for it", 1, tries(1, aim.ClassOOM), aim.ClassOOM, false, next{Do: doTry, Rung: 2}},
		{"a bad option skips the rung that would not mend it", 1, tries(1, aim.ClassOption), aim.ClassOption, false, next{Do: doTry, Rung: 3}},
		{"nothing is left below the last rung", 3, tries(3, aim.ClassOOM), aim.ClassOOM, false, next{Do: doFail}},
		{"credentials are never tried again", 1, tries(1, aim.ClassAuth), aim.ClassAuth, false, next{Do: doFail}},
		{"remote code is never tried again", 1, tries(1, aim.ClassRemoteCode), aim.ClassRemoteCode, false, next{Do: doFail}},
		{"an unexplained end is tried once more", 1, tries(1, aim.ClassStart), aim.ClassStart, false, next{Do: doTry, Rung: 1, Delay: time.Second}},
		{"and then the next rung", 1, tries(1, aim.ClassStart, aim.ClassStart), aim.ClassStart, false, next{Do: doTry, Rung: 3}},
		{"a busy GPU sends it elsewhere", 1, tries(1, aim.ClassGPUBusy), aim.ClassGPUBusy, false, next{Do: doTry, Rung: 1, Delay: time.Second, Avoid: true}},
		{"a replica that was ready is tried again for long", 3, tries(3, aim.ClassExited, aim.ClassExited, aim.ClassExited, aim.ClassExited), aim.ClassExited, true,
			next{Do: doTry, Rung: 3, Delay: 8 * time.Second}},
		{"four kills by hand lead to no other rung", 1, tries(1, aim.ClassExited, aim.ClassExited, aim.ClassExited, aim.ClassExited), aim.ClassExited, true,
			next{Do: doTry, Rung: 1, Delay: 8 * time.Second}},
		{"an agent's stop is no failure of the rung", 1, tries(1, aim.ClassCancelled, aim.ClassCancelled, aim.ClassCancelled), aim.ClassCancelled, true,
			next{Do: doTry, Rung: 1, Delay: 4 * time.Second}},
		{"a crash loop ends", 3, tries(3, times(crashLimit, aim.ClassExited)...), aim.ClassExited, true, next{Do: doFail}},
		{"a crash loop ends whatever its failures are called", 3, tries(3, append(times(crashLimit-1, aim.ClassOOM), aim.ClassUnhealthy)...), aim.ClassOOM, true, next{Do: doFail}},
		{"a node that is away for long ends nothing", 3, tries(3, times(20, aim.ClassNodeLost)...), aim.ClassNodeLost, true,
			next{Do: doTry, Rung: 3, Delay: 5 * time.Minute, Avoid: true}},
		{"not even for credentials", 1, tries(1, aim.ClassAuth), aim.ClassAuth, true, next{Do: doTry, Rung: 1, Delay: time.Second}},
		{"a server that dies once a day is started again, not changed", 1, well(tries(1, aim.ClassStart, aim.ClassStart, aim.ClassStart)), aim.ClassStart, true,
			next{Do: doTry, Rung: 1, Delay: time.Second}},
		{"what failed before it was well is forgiven", 1, append(well(tries(1, aim.ClassStart, aim.ClassStart)), tries(1, aim.ClassOOM)...), aim.ClassOOM, true,
			next{Do: doTry, Rung: 2}},
		{"what failed since counts", 1, append(well(tries(1, aim.ClassStart)), tries(1, aim.ClassStart)...), aim.ClassStart, true,
			next{Do: doTry, Rung: 3}},
		{"an orphan ends", 1, tries(1, aim.ClassOrphaned), aim.ClassOrphaned, true, next{Do: doEnd}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := decide(threeRungs(), c.rung, c.tries, aim.Failf(c.class, "x"), c.ready)
			if got.Why == "" {
				t.Error("a move must say why")
			}
			got.Why = ""
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Whatever fails how often, a replica comes to an end, and the tries on it are
// bounded; but for what is not the replica's to mend, where it has been ready.
func TestDecideEnds(t *testing.T) {
	for _, everReady := range []bool{false, true} {
		for _, class := range aim.Classes() {
			if class.Rule().Next == aim.NextWait || everReady && surroundings(class) {
				continue
			}
			decideEnds(t, class, everReady)
		}
	}
}

func decideEnds(t *testing.T, class aim.FailureClass, everReady bool) {
	t.Helper()
	{
		var past []aim.Try
		rung := 1
		for n := 0; ; n++ {
			if n > 40 {
				t.Fatalf("class %s: still trying after %d attempts", class, n)
			}
			past = append(past, aim.Try{Rung: rung, Class: class})
			m := decide(threeRungs(), rung, past, aim.Failf(class, "x"), everReady)
			if m.Do != doTry {
				break
			}
			rung = m.Rung
		}
	}
}

// TestAnErrorWithoutAClassIsNotFollowedByChangesInVain: a server that ends with the
// same error is started twice on its rung, once on each rung that changes something
// that has not been changed yet, and no more.
func TestAnErrorWithoutAClassIsNotFollowedByChangesInVain(t *testing.T) {
	env := func(value string) map[string]string { return map[string]string{"VLLM_ROCM_USE_AITER": value} }
	ladder := aim.Ladder{Rungs: []aim.Rung{
		{Number: 1, GPUs: 1, Image: "a"},
		{Number: 2, GPUs: 1, Image: "a", Env: env("1")},
		{Number: 3, GPUs: 1, Image: "a", Env: env("0")},
		{Number: 4, GPUs: 2, Image: "a", Env: env("0")},
		{Number: 5, GPUs: 4, Image: "a", Env: env("0")},
		{Number: 6, GPUs: 1, Image: "b"},
		{Number: 7, GPUs: 2, Image: "b"},
	}}
	const line = "AcmeKernelError: tile # has no plan for this shape"
	run := func(text func(rung int) string) (rungs []int) {
		rung, past := 1, []aim.Try(nil)
		for range 20 {
			rungs = append(rungs, rung)
			f := &aim.Failure{Class: aim.ClassStart, Why: text(rung), Fingerprint: text(rung)}
			past = append(past, aim.Try{Rung: rung, Class: f.Class, Fingerprint: f.Fingerprint})
			m := decide(ladder, rung, past, f, false)
			if m.Do != doTry {
				return rungs
			}
			rung = m.Rung
		}
		t.Fatalf("it goes on for ever: %v", rungs)
		return nil
	}
	if got := run(func(int) string { return line }); !slices.Equal(got, []int{1, 1, 2, 4, 6}) {
		t.Errorf("the same error everywhere: rungs %v", got)
	}
	if got := run(func(rung int) string { return line + strings.Repeat("!", rung) }); len(got) != 14 {
		t.Errorf("another error on each rung: rungs %v, want each of them twice", got)
	}
	if got := run(func(int) string { return "" }); len(got) != 14 {
		t.Errorf("no error told: rungs %v, want each of them twice", got)
	}
}
