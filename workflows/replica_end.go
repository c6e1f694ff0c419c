package workflows

import (
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// withdraw stops the server that may run and, unless the next attempt has its
// claim, releases it. What cannot be confirmed is left to the node's ownership
// rule.
func (m *replicaMachine) withdraw() {
	if m.now.Lost != "" {
		m.abandon()
	}
	if len(m.now.Holds) == 0 {
		m.conclude()
		return
	}
	m.now.Stage = stageStopping
	m.now.Status.Endpoint = ""
	m.beginStep("stop")
	if m.now.Stop != "" || m.now.Next != nil {
		m.setPhase(aim.Stopping, orElse(m.now.Stop, m.restartWhy()))
	} else if m.early && m.failure != nil && m.now.Status.Phase == aim.Ready {
		m.setPhase(aim.Degraded, m.failure.Text()) // told at once, not after the stop and its grace
	}
	m.stopHeld()
}

// stopHeld stops the newest of what is held: its server, if one runs, is the only
// one.
func (m *replicaMachine) stopHeld() {
	h := m.now.Holds[len(m.now.Holds)-1]
	m.do(activities.Stop, activities.NodeQueue(h.Node), "stop "+h.Server()+" on "+h.Node,
		activities.StopRequest{Identity: h.Identity, Why: orElse(m.now.Stop, "attempt ended")})
}

func (m *replicaMachine) stopped(e ended) {
	if e.failure != nil {
		m.abandon()
		m.conclude()
		return
	}
	m.now.Unconfirmed = ""
	if m.keepsForNext() {
		m.conclude()
		return
	}
	m.release()
}

func (m *replicaMachine) release() {
	m.now.Stage = stageReleasing
	h := m.now.Holds[len(m.now.Holds)-1]
	m.do(activities.Release, activities.NodeQueue(h.Node), "release "+strings.Join(h.GPUs, " ")+" on "+h.Node,
		activities.ReleaseRequest{Identity: h.Identity})
}

func (m *replicaMachine) released(e ended) {
	if e.failure != nil {
		m.abandon()
	} else {
		m.now.Holds = m.now.Holds[:len(m.now.Holds)-1]
	}
	if len(m.now.Holds) > 0 {
		m.release() // what an earlier attempt had kept
		return
	}
	m.conclude()
}

// keepsForNext tells whether the next attempt takes the claim over: it is on the
// same GPUs, and they are not to blame.
func (m *replicaMachine) keepsForNext() bool {
	if m.now.Stop != "" || len(m.now.Holds) != 1 || m.now.Placement == nil || len(m.now.Placement.Ranks) != 1 {
		return false
	}
	if m.now.Next != nil {
		rung, ok := m.now.Next.Ladder.At(1)
		return ok && len(m.now.Next.Avoid) == 0 && sameShape(rung, m.rung())
	}
	f := m.failure
	if f == nil || !keepsClaim(f.Class) {
		return false
	}
	n := m.whatNext(f)
	rung, _ := m.now.Wish.Ladder.At(n.Rung)
	if n.Do == doFail && m.now.Back != nil {
		rung, _ = m.now.Back.Ladder.At(1)
		return sameShape(rung, m.rung())
	}
	return n.Do == doTry && !n.Avoid && sameShape(rung, m.rung())
}

// sameShape tells whether two rungs take the same GPUs.
func sameShape(a, b aim.Rung) bool {
	return a.GPUs == b.GPUs && a.GPUType == b.GPUType && a.ShareBytes == b.ShareBytes && max(a.Nodes, 1) == max(b.Nodes, 1)
}

// conclude decides what comes after an attempt that holds nothing any more, or
// only the claim that the next one takes over.
func (m *replicaMachine) conclude() {
	f := m.failure
	m.failure = nil
	switch {
	case m.now.Stop != "":
		if len(m.now.Holds) > 0 {
			m.release() // the stop came while the claim was kept
			return
		}
		m.close(aim.Stopped, m.now.Stop)
	case m.now.Next != nil:
		m.takeUpdate()
		m.attempt()
	case f == nil:
		m.attempt()
	default:
		m.afterFailure(f)
	}
}

// afterFailure writes the try down and carries out what was decided.
func (m *replicaMachine) afterFailure(f *aim.Failure) {
	n := m.whatNext(f)
	m.noteTry(f, n)
	if m.keepsBack(n) {
		m.goBack(f)
		return
	}
	switch n.Do {
	case doEnd:
		m.close(aim.Stopped, n.Why)
		return
	case doFail:
		m.now.Failed = bounded(firstCause(m.freshTries(), f))
		m.close(aim.Failed, m.now.Failed.Text())
		return
	}
	if n.Rung != m.now.Rung {
		if m.now.Left == nil {
			m.now.Left = map[int]aim.FailureClass{}
		}
		m.now.Left[m.now.Rung] = f.Class
	}
	if n.Avoid || f.Class == aim.ClassRefused {
		if node := m.now.Status.Node; node != "" {
			m.now.Avoid = map[string]string{node: clip(f.Error(), maxText)}
		}
	}
	m.now.Rung, m.now.Refusals = n.Rung, 0
	if len(m.now.Holds) == 0 {
		m.now.Placement = nil
	}
	if n.Delay <= 0 {
		m.attempt()
		return
	}
	m.enter(m.phaseBetween(), f.Text()+" - "+n.Why)
	m.rest(n.Delay)
	m.report()
}

// rest pauses. A node and GPUs that are not held any more are not told of.
func (m *replicaMachine) rest(pause time.Duration) {
	m.now.Stage, m.now.RestUntil = stageResting, m.at.now.Add(pause)
	if len(m.now.Holds) == 0 {
		m.now.Status.Node, m.now.Status.GPUs, m.now.Status.Placed = "", nil, ""
	}
	m.now.Status.NextTry = m.now.RestUntil.UTC().Truncate(time.Millisecond)
}

// whatNext is the policy, and what is particular to this replica.
func (m *replicaMachine) whatNext(f *aim.Failure) next {
	tries := append(slices.Clone(m.freshTries()), m.tryOf(f))
	n := decide(m.now.Wish.Ladder, m.now.Rung, tries, f, m.now.EverReady)
	switch {
	case n.Do == doEnd:
	case m.in.Succeeds == causeMove && !m.now.EverReady:
		return next{Do: doFail, Why: "the replica stays where it is"}
	case (f.Class == aim.ClassCapacity || f.Class == aim.ClassRefused) && !m.waits():
		return next{Do: doFail, Why: "there is no room beside the one that serves"}
	case f.Class == aim.ClassRefused: // of what was kept
		n.Delay = 0
	case n.Do == doTry && n.Rung == m.now.Rung && wasWell(tries[len(tries)-1]):
		if top := climb(m.now.Wish.Ladder, m.now.Rung, m.now.Left); top != n.Rung {
			n.Rung, n.Why = top, "back to a better rung"
		}
	}
	if n.Do == doTry && m.now.Back != nil && !m.now.EverReady {
		// On trial only what has the GPUs of the version before is tried: the way
		// back must not have to wait for room.
		if rung, _ := m.now.Wish.Ladder.At(n.Rung); !sameShape(rung, m.rung()) || n.Avoid || n.Rung == m.now.Rung && len(tries) > 2 {
			return next{Do: doFail, Why: "the version before serves again"}
		}
	}
	return n
}

// keepsBack tells whether the replica returns to the version that it ran before.
func (m *replicaMachine) keepsBack(n next) bool { return n.Do == doFail && m.now.Back != nil }

// goBack takes up again what ran before the trial.
func (m *replicaMachine) goBack(f *aim.Failure) {
	m.now.Returned = &returned{Version: m.now.Wish.Revision, Failure: bounded(f)}
	m.wish(*m.now.Back)
	m.now.Back, m.now.EverReady = nil, true
	m.attempt()
}

// takeUpdate starts over at the top of the ladder with what is wanted now.
func (m *replicaMachine) takeUpdate() {
	u := m.now.Next
	m.now.Next = nil
	switch {
	case u.Trial && m.now.Back == nil && m.now.EverReady:
		back := m.now.Wish
		m.now.Back = &back
	case !u.Trial:
		m.now.Back = nil
	}
	m.wish(u.wish)
	m.now.EverReady = m.now.EverReady && !u.Trial
	m.now.Avoid = u.Avoid
	if len(u.Avoid) > 0 || len(m.now.Holds) == 0 {
		m.now.Placement = nil
	}
}

// wish makes w what is to run. A person said so, or it has run before: what failed
// until now counts no more.
func (m *replicaMachine) wish(w wish) {
	m.now.Wish, m.now.Rung, m.now.Left = w, 1, nil
	m.now.Fresh = m.now.Status.Attempt
	m.now.Status.Revision, m.now.Status.Rungs = w.Revision, len(w.Ladder.Rungs)
}

// freshTries are the tries since a person last said what to run: a restart, and a
// changed wish most of all, is a new beginning.
func (m *replicaMachine) freshTries() []aim.Try {
	tries := m.now.Status.Tries
	first := slices.IndexFunc(tries, func(t aim.Try) bool { return t.Attempt > m.now.Fresh })
	if first < 0 {
		return nil
	}
	return tries[first:]
}

func (m *replicaMachine) tryOf(f *aim.Failure) aim.Try {
	s := m.now.Status
	t := aim.Try{
		Attempt: s.Attempt, Rung: s.Rung, Recipe: s.Recipe, Node: s.Node,
		Class: f.Class, Why: clip(f.Error(), maxText), Lines: clipLines(f.LogLines, maxLines), Fingerprint: clip(f.Fingerprint, maxText),
		At: m.at.now.UTC().Format(time.RFC3339),
	}
	if m.now.ReadyAt > 0 {
		t.ReadyMillis = m.at.now.UnixMilli() - m.now.ReadyAt
	}
	return t
}

// noteTry writes a failed attempt down, and what was done about it.
func (m *replicaMachine) noteTry(f *aim.Failure, n next) {
	t := m.tryOf(f)
	t.Next = n.Why
	s := &m.now.Status
	s.Tries = append(slices.Clone(s.Tries), t)
	if n := len(s.Tries) - maxTries; n > 0 {
		s.Tries = s.Tries[n:]
	}
}

// phaseBetween is the phase between two attempts.
func (m *replicaMachine) phaseBetween() aim.Phase {
	if m.now.EverReady {
		return aim.Degraded
	}
	return aim.Pending
}

// restartWhy is why a restart ends the attempt at hand.
func (m *replicaMachine) restartWhy() string {
	if m.now.Next == nil {
		return "restarting"
	}
	return orElse(m.now.Next.Why, "restarting")
}

// close ends the replica with its last report.
func (m *replicaMachine) close(phase aim.Phase, why string) {
	if m.now.Unconfirmed != "" && phase == aim.Stopped {
		why = "stopped, unconfirmed on " + m.now.Unconfirmed + ": " + why
	}
	m.now.Stage = stageOver
	m.now.Status.Endpoint = ""
	if len(m.now.Holds) == 0 {
		m.now.Status.GPUs, m.now.Status.Placed = nil, ""
	}
	m.enter(phase, why)
	m.out = append(m.out, closing{r: m.nextReport()})
}
