package workflows

import (
	"fmt"
	"time"

	"github.com/aim-engine/aim"
)

// next is what a Replica does after a failure, and why.
type next struct {
	Do    doing
	Rung  int           // the rung of the next attempt
	Delay time.Duration // before it
	Avoid bool          // not on the node that failed
	Why   string
}

type doing string

const (
	doTry  doing = "try"  // make another attempt
	doFail doing = "fail" // no attempt is left
	doEnd  doing = "end"  // nobody wants it any more
)

// Pauses between attempts: the first is short because most accidents are over
// at once; the last keeps a server that dies at every start from filling logs.
const (
	firstPause = time.Second
	lastPause  = 5 * time.Minute
)

// crashLimit is how many attempts in a row may fail, none of them well for long,
// until a replica that has been ready counts as one that cannot run: with the
// pauses between them four minutes and more. Four kills by hand are no crash loop.
const crashLimit = 8

// wellAfter is how long a server has to be ready until its start counts as a
// success, and what failed before it is forgiven: a server that dies once a month
// is not one that cannot run.
const wellAfter = 10 * time.Minute

// decide is the whole policy of fallbacks, pure over what is known: the ladder,
// the rung that failed, the tries so far (the failed one is the last), and
// whether this replica has ever been ready with what it is to run.
//
//	                 ┌ a person's matter ────────────── never ready: fail
//	failure ─ class ─┼ an accident, and tries are left: same rung, here or elsewhere
//	                 └ else ── a lower rung that helps: next rung
//	                           none, never ready:       fail
//	                           none, was ready:         same rung; after crashLimit in a row: fail
//
// What the replica itself cannot help (no room, a node or GPU that failed) never
// makes one fail that was ready.
func decide(ladder aim.Ladder, rung int, tries []aim.Try, f *aim.Failure, everReady bool) next {
	rule := f.Class.Rule()
	if f.Class == aim.ClassOrphaned {
		return next{Do: doEnd, Why: f.Error()}
	}
	repeats := repeatsOf(tries, rung, f.Class)
	switch {
	case f.Class == aim.ClassCancelled: // by the agent: no fault of the rung
		if row := inARow(tries); row < crashLimit {
			return again(rung, repeats, aim.NextSame)
		}
	case rule.Next == aim.NextStop && !everReady:
		return next{Do: doFail, Why: "only a person can mend this"}
	case rule.Next == aim.NextStop:
	case rule.Next == aim.NextWait, rule.Next != aim.NextRung && repeats <= rule.Tries && !f.Recurs(rung, tries):
		return again(rung, repeats, rule.Next)
	}
	if lower, ok := ladder.Next(rung, f, tries); ok && rule.Next != aim.NextStop {
		return next{Do: doTry, Rung: lower.Number, Why: fmt.Sprintf("next rung %d of %d", lower.Number, len(ladder.Rungs))}
	}
	if !everReady {
		return next{Do: doFail, Why: "no rung is left"}
	}
	if row := inARow(tries); row >= crashLimit && !surroundings(f.Class) {
		return next{Do: doFail, Why: fmt.Sprintf("%d attempts in a row have failed", row)}
	}
	return again(rung, repeats, rule.Next)
}

func again(rung, repeats int, how aim.Next) next {
	m := next{Do: doTry, Rung: rung, Delay: pause(repeats), Avoid: how == aim.NextOther, Why: "same rung again"}
	if m.Avoid {
		m.Why = "same rung on another node"
	}
	return m
}

// surroundings tells whether a class is of the fleet and not of what runs on it:
// it is over some day without anybody changing the deployment.
func surroundings(c aim.FailureClass) bool {
	rule := c.Rule()
	return rule.Family == aim.FamilyResource || rule.Family == aim.FamilyStart && rule.Next == aim.NextOther
}

// keepsClaim tells whether the next attempt may have the GPUs of the failed one:
// neither they nor the node are to blame.
func keepsClaim(c aim.FailureClass) bool { return !surroundings(c) && c != aim.ClassPort }

// pause doubles with each repeat.
func pause(repeats int) time.Duration {
	d := firstPause
	for range repeats - 1 {
		if d *= 2; d >= lastPause {
			return lastPause
		}
	}
	return d
}

// repeatsOf counts how often this rung has failed with this class, the failure
// at hand included, since the last attempt that was on another rung or was well.
func repeatsOf(tries []aim.Try, rung int, class aim.FailureClass) int {
	n := 0
	for i := len(tries) - 1; i >= 0 && tries[i].Rung == rung; i-- {
		if tries[i].Class == class {
			n++
		}
		if wasWell(tries[i]) {
			break
		}
	}
	return max(n, 1)
}

// inARow counts the failures since the last attempt that was well, that one
// included.
func inARow(tries []aim.Try) int { return len(sinceWell(tries)) }

// sinceWell are the tries since the last attempt that was well, that one included.
func sinceWell(tries []aim.Try) []aim.Try {
	for i := len(tries) - 1; i >= 0; i-- {
		if wasWell(tries[i]) {
			return tries[i:]
		}
	}
	return tries
}

func wasWell(t aim.Try) bool { return t.ReadyMillis >= wellAfter.Milliseconds() }

// firstCause is what a series of failures began with: the ones after it are often
// its consequences.
func firstCause(tries []aim.Try, last *aim.Failure) *aim.Failure {
	row := sinceWell(tries)
	if len(row) < 2 {
		return last
	}
	t := row[0]
	if t.Why == last.Error() {
		return last
	}
	return &aim.Failure{Class: t.Class, LogLines: t.Lines, Hint: last.Hint,
		Why: fmt.Sprintf("%s (the first of %d failures in a row; the last: %s)", t.Why, len(row), last.Error())}
}

// climb is the rung to try when the one at hand has served well and ended: the
// best that was not left for a cause which lies in it. left is the class for which
// each rung was left.
func climb(ladder aim.Ladder, rung int, left map[int]aim.FailureClass) int {
	for n := 1; n < rung; n++ {
		r, ok := ladder.At(n)
		if c, was := left[n]; ok && len(r.On) == 0 && (!was || passing(c)) {
			return n
		}
	}
	return rung
}

// passing tells whether a rung that failed so may well work another time.
func passing(c aim.FailureClass) bool {
	switch c {
	case aim.ClassExited, aim.ClassUnhealthy, aim.ClassHung, aim.ClassStart, aim.ClassTimeout, aim.ClassInternal, aim.ClassPort, aim.ClassCancelled:
		return true
	}
	return surroundings(c)
}
