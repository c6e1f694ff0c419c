package workflows

import (
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// replicaMachine decides for one replica.
//
//	            ┌───────────────── pause, then again ───────────────────┐
//	            ▼                                                       │
//	asking ─▶ placing ─▶ claiming ─▶ bringing ─▶ starting ─▶ proving ─▶ watching
//	            │  waits for its turn                                 ▲   │
//	            │                                                     └───┤ the node is away
//	            │ failure, command, verdict or cancellation, anywhere     │
//	            ▼                                                         ▼
//	         stopping ──▶ releasing ──▶ resting │ over        (what is open ends first)
//	                 └ the claim is kept for the next attempt where neither GPU nor node is to blame
//
// Each stage but resting and over has calls open: activities whose end is its
// next event. An attempt that is to end cancels them, waits for their ends, and
// only then stops: nothing of it acts after its release.
type replicaMachine struct {
	in  ReplicaInput
	run string // first run id of the workflow
	now replicaState

	at      moment
	out     []action
	open    map[string]bool // activities under way, by name
	aborts  bool            // the attempt ends as soon as nothing is open
	failure *aim.Failure    // why; nil for a command
	grown   bool            // the history is long
	yields  bool            // so that the run is to end: what it waits for is called off
	// early tells an end of a ready server before it is stopped. Runs that began
	// before there was that told it afterwards, and are replayed so.
	early bool
}

// stage is where in its life a replica is.
type stage string

const (
	stageAsking    stage = "asking" // for what it is to run
	stagePlacing   stage = "placing"
	stageClaiming  stage = "claiming"
	stageBringing  stage = "bringing"
	stageStarting  stage = "starting"
	stageProving   stage = "proving"
	stageWatching  stage = "watching"
	stageStopping  stage = "stopping"
	stageReleasing stage = "releasing"
	stageResting   stage = "resting"
	stageOver      stage = "over"
)

// replicaState is what a replica knows, carried from run to run.
type replicaState struct {
	Stage     stage                    `json:"stage"`
	Wish      wish                     `json:"wish"`           // what it is to run
	Back      *wish                    `json:"back,omitempty"` // and what it ran before, while the wish is on trial
	Status    aim.ReplicaStatus        `json:"status"`
	Token     string                   `json:"token"`
	Rung      int                      `json:"rung"`
	Left      map[int]aim.FailureClass `json:"left,omitempty"` // rungs that were left, and for what
	Placement *aim.Placement           `json:"placement,omitempty"`
	Waiting   bool                     `json:"waiting,omitempty"` // for its turn to be placed
	Holds     []hold                   `json:"holds,omitempty"`   // what it may hold on nodes
	// Unconfirmed is the node on which the last attempt could not be seen to
	// end; the node's ownership rule ends it.
	Unconfirmed string            `json:"unconfirmed,omitempty"`
	EverReady   bool              `json:"ever_ready"`         // with this wish
	Fresh       int               `json:"fresh,omitempty"`    // tries of attempts up to this one do not count any more
	ReadyAt     int64             `json:"ready_at,omitempty"` // unix ms, when the attempt at hand was first ready; 0 = not yet
	Avoid       map[string]string `json:"avoid,omitempty"`    // for the next placement only
	AskedAt     int64             `json:"asked_at"`
	Refusals    int               `json:"refusals,omitempty"` // of the attempt at hand
	RestUntil   time.Time         `json:"rest_until"`
	Stop        string            `json:"stop,omitempty"` // why it is to end; "" = it is not
	Next        *replicaUpdate    `json:"next,omitempty"` // what to run from now on
	Lost        string            `json:"lost,omitempty"` // why its node is taken for lost
	Held        string            `json:"held,omitempty"` // why that is not acted upon
	Returned    *returned         `json:"returned,omitempty"`
	Failed      *aim.Failure      `json:"failed,omitempty"` // with which it closes
	Seq         int               `json:"seq"`              // of the last report
	Heard       int               `json:"heard"`            // number of the last command
}

// hold is what an attempt may hold on a node: a claim, and a server.
type hold struct {
	aim.Identity
	Node string   `json:"node"`
	GPUs []string `json:"gpus"`
}

// Events of a replica.
type (
	// ended is the end of an activity. result is nil with a failure.
	ended struct {
		name    string
		result  any
		failure *aim.Failure
	}
	commanded struct{ c command }
	judged    struct{ v NodeVerdict }
	orphaned  struct{} // its Deployment does not run any more
)

// Actions of a replica.
type (
	call struct {
		name, queue, summary string
		request              any
	}
	cancelCall struct{ name string }
	tell       struct{ r report }
	own        struct{ owner aim.Owner } // into the memo, where nodes ask
	// closing is the last report: the workflow ends when it is on its way.
	closing struct{ r report }
)

func newReplicaMachine(in ReplicaInput, run string, resume *replicaState) *replicaMachine {
	m := &replicaMachine{in: in, run: run, open: map[string]bool{}}
	if resume != nil {
		m.now = *resume
		return m
	}
	m.now = replicaState{
		Stage: stageAsking, Wish: in.wish, Rung: 1, AskedAt: in.AskedAt, Avoid: in.Avoid,
		Status: aim.ReplicaStatus{
			Ordinal: in.Ordinal, Attempt: in.Attempts, Revision: in.Revision,
			Phase: aim.Pending, Rungs: len(in.Ladder.Rungs), Tries: []aim.Try{},
		},
	}
	return m
}

func (m *replicaMachine) over() bool { return m.now.Stage == stageOver }

func (m *replicaMachine) alarm() time.Time {
	if m.now.Stage != stageResting {
		return time.Time{}
	}
	return m.now.RestUntil
}

// quiet: a run may end between two attempts, while its server is watched and while
// it waits for its turn, and never while the answer to a call is outstanding.
func (m *replicaMachine) quiet() bool {
	if len(m.open) > 0 || m.aborts {
		return false
	}
	switch m.now.Stage {
	case stageResting, stageWatching, stageAsking:
		return true
	case stagePlacing:
		return m.now.Waiting
	}
	return false
}

func (m *replicaMachine) step(at moment, e event) []action {
	m.at, m.out = at, nil
	switch e := e.(type) {
	case began:
		m.begin(e.resumed)
	case ended:
		m.end(e)
	case commanded:
		m.obey(e.c)
	case judged:
		m.judge(e.v)
	case orphaned:
		m.stop("its deployment has ended")
	case cancelled:
		m.stop("the workflow was cancelled")
	case grown:
		m.grown = true
	case alarmed:
		if m.now.Stage == stageResting && !m.at.now.Before(m.now.RestUntil) {
			m.rested()
		}
	}
	m.yield()
	return m.out
}

func (m *replicaMachine) begin(resumed bool) {
	if m.now.AskedAt == 0 {
		m.now.AskedAt = m.at.now.UnixMilli()
	}
	if !resumed || m.now.Stage == stageAsking {
		m.ask()
		return
	}
	m.report() // the last one of the run before may not have left; yield makes the call that it waited for
}

// yield lets go of the one call that may last for years when the history is long,
// and makes it again when something has come up since.
func (m *replicaMachine) yield() {
	switch m.yields = m.grown && m.quietly(); {
	case m.yields:
		m.cancel(activities.Watch)
		m.cancel(activities.AwaitTurn)
	case m.aborts:
	case m.now.Stage == stageWatching && !m.open[activities.Watch]:
		m.watch()
	case m.now.Stage == stagePlacing && m.now.Waiting && !m.open[activities.AwaitTurn]:
		m.awaitTurn()
	}
}

func (m *replicaMachine) quietly() bool {
	return !m.aborts && (m.now.Stage == stageWatching && m.now.Next == nil || m.now.Stage == stagePlacing && m.now.Waiting || m.now.Stage == stageResting)
}

// rested goes on after a pause: with another attempt, or the same one where the
// node had only refused its claim.
func (m *replicaMachine) rested() {
	if m.now.Refusals > 0 {
		m.place()
		return
	}
	m.attempt()
}

// end takes the end of an activity.
func (m *replicaMachine) end(e ended) {
	if !m.open[e.name] {
		return
	}
	delete(m.open, e.name)
	switch {
	case m.aborts:
		m.noteStep(e.name, e.failure)
		if e.name == activities.Claim && e.failure != nil && e.failure.Class == aim.ClassRefused {
			m.letGo(m.now.Token)
		}
		m.withdrawIfDone()
		return
	case m.yields && (e.failure == nil || e.failure.Class == aim.ClassCancelled) && e.name == activities.Watch:
		return // quiet now
	case m.yields && e.failure != nil && e.failure.Class == aim.ClassCancelled:
		return
	}
	m.noteStep(e.name, e.failure)
	switch m.now.Stage {
	case stageAsking:
		m.asked(e)
	case stagePlacing:
		m.placed(e)
	case stageClaiming:
		m.claimed(e)
	case stageBringing:
		m.brought(e)
	case stageStarting:
		m.started(e)
	case stageProving:
		if e.name == activities.AwaitReady { // not of a trial that was called off
			m.proved(e)
		}
	case stageWatching:
		m.watched(e)
	case stageStopping:
		m.stopped(e)
	case stageReleasing:
		m.released(e)
	}
}

// obey takes a command. A stop or restart ends the attempt at hand.
func (m *replicaMachine) obey(c command) {
	if ours := c.UID == m.in.UID; !ours {
		if c.Verb == verbEvict {
			m.stop(c.Why)
		}
		return // of a Deployment that is not ours
	}
	if c.N != 0 && c.N <= m.now.Heard {
		m.report() // it was heard, and that was not
		return
	}
	m.now.Heard = max(m.now.Heard, c.N)
	switch {
	case c.Verb == verbStop:
		m.stop(c.Why)
	case c.Verb == verbRestart && c.Update != nil && m.now.Stop == "" && !m.over():
		m.restart(c.Update)
	default:
		m.report()
	}
}

func (m *replicaMachine) stop(why string) {
	if m.now.Stop != "" || m.over() {
		return
	}
	m.now.Stop = clip(orElse(why, "stopped on request"), maxText)
	switch m.now.Stage {
	case stageStopping, stageReleasing: // it is on its way
	case stageResting:
		m.withdraw()
	default:
		m.abort(nil)
	}
}

// restart takes what is to run from now on. What is on trial is brought first,
// while the server at hand serves.
func (m *replicaMachine) restart(u *replicaUpdate) {
	u.Why = clip(u.Why, maxText)
	m.now.Next, m.now.Returned = u, nil
	switch m.now.Stage {
	case stageStopping, stageReleasing:
	case stageResting:
		m.takeUpdate()
		m.attempt()
	case stageWatching:
		if u.Trial && m.now.Lost == "" && !m.open[activities.PullImage] && !m.open[activities.FetchModel] {
			if rung, ok := u.Ladder.At(1); ok {
				m.bringFor(rung, u.Spec)
				m.report()
				return
			}
		}
		m.abort(nil)
	default:
		m.abort(nil)
	}
}

// abort ends the attempt at hand, for a failure or, with nil, a command.
func (m *replicaMachine) abort(f *aim.Failure) {
	if !m.aborts {
		m.failure = f
	}
	m.aborts = true
	for _, name := range openNames {
		m.cancel(name)
	}
	m.withdrawIfDone()
}

// openNames are the calls of an attempt in the order of its life: what is
// cancelled is cancelled in an order that a replay repeats.
var openNames = []string{
	activities.ReadVersion, activities.Place, activities.AwaitTurn, activities.Claim, activities.PullImage,
	activities.FetchModel, activities.Start, activities.AwaitReady, activities.Watch,
}

func (m *replicaMachine) cancel(name string) {
	if m.open[name] {
		m.out = append(m.out, cancelCall{name: name})
	}
}

func (m *replicaMachine) withdrawIfDone() {
	if len(m.open) == 0 {
		m.aborts = false
		m.withdraw()
	}
}

// do opens a call.
func (m *replicaMachine) do(name, queue, summary string, request any) {
	m.open[name] = true
	m.out = append(m.out, call{name: name, queue: queue, summary: summary, request: request})
}

// onNode opens a call on the node of the attempt at hand.
func (m *replicaMachine) onNode(name, summary string, request any) {
	m.do(name, activities.NodeQueue(m.node()), summary+" on "+m.node(), request)
}

// rung is the rung at hand.
func (m *replicaMachine) rung() aim.Rung {
	rung, _ := m.now.Wish.Ladder.At(m.now.Rung)
	return rung
}

// identity names the attempt at hand.
func (m *replicaMachine) identity() aim.Identity {
	return aim.Identity{
		Deployment: m.in.Name, UID: m.in.UID, Ordinal: m.in.Ordinal,
		Attempt: m.now.Status.Attempt, Token: m.now.Token,
	}
}

// node is where the attempt at hand runs, or "".
func (m *replicaMachine) node() string {
	if m.now.Placement == nil {
		return ""
	}
	return m.now.Placement.Ranks[0].Node
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
