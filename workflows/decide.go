package workflows

import (
	"fmt"
	"time"

	"github.com/aim-engine/aim"
)

// move is what a Replica does after a failure, and why.
type move struct {
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

// decide is the whole policy of fallbacks, pure over what is known: the ladder,
// the rung that failed, the tries so far (the failed one is the last), and
// whether this replica has ever been ready.
//
// A replica that was ready once is kept wanted: it never ends as failed, and
// goes on trying with growing pauses.
func decide(ladder aim.Ladder, rung int, tries []aim.Try, f *aim.Failure, everReady bool) move {
	rule := f.Class.Rule()
	if f.Class == aim.ClassOrphaned || f.Class == aim.ClassCancelled {
		return move{Do: doEnd, Why: f.Error()}
	}
	repeats := repeatsOf(tries, rung, f.Class)
	switch rule.Next {
	case aim.NextSame, aim.NextOther, aim.NextWait:
		if rule.Next == aim.NextWait || repeats <= rule.Tries && !f.Recurs(rung, tries) {
			return again(rung, repeats, rule.Next)
		}
	case aim.NextStop:
		if everReady {
			return again(rung, repeats, rule.Next)
		}
		return move{Do: doFail, Why: "only a person can mend this"}
	}
	if next, ok := ladder.Next(rung, f, tries); ok {
		return move{Do: doTry, Rung: next.Number, Why: fmt.Sprintf("next rung %d of %d", next.Number, len(ladder.Rungs))}
	}
	if everReady {
		return again(rung, repeats, rule.Next)
	}
	return move{Do: doFail, Why: "no rung is left"}
}

func again(rung, repeats int, next aim.Next) move {
	m := move{Do: doTry, Rung: rung, Delay: pause(repeats), Avoid: next == aim.NextOther, Why: "same rung again"}
	if m.Avoid {
		m.Why = "same rung on another node"
	}
	return m
}

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

// wellAfter is how long a server has to be ready until its start counts as a
// success, and what failed before it is forgiven: a server that dies once a month
// is not one that cannot run.
const wellAfter = 10 * time.Minute

// repeatsOf counts how often this rung has failed with this class, the failure
// at hand included, since the last attempt that was on another rung or was well.
func repeatsOf(tries []aim.Try, rung int, class aim.Class) int {
	n := 0
	for i := len(tries) - 1; i >= 0 && tries[i].Rung == rung; i-- {
		if tries[i].Class == class {
			n++
		}
		if tries[i].ReadyMillis >= wellAfter.Milliseconds() {
			break
		}
	}
	return max(n, 1)
}
