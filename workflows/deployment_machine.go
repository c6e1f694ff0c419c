package workflows

import (
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// deploymentMachine decides for one deployment: it keeps as many replicas as are
// wanted, each a workflow of its own, and brings them to what is wanted now.
//
//	choose a ladder ─▶ [ event ─▶ reconcile ]* ─▶ stopped | failed
//
// One look at everything after each event, in this order:
//
//	take up a change ─▶ judge the roll-out ─▶ count ─▶ successions ─▶ stop ─▶ start ─▶ roll
//
// Succession is the one way in which a replica is replaced while it serves, for a
// move, another version, or the loss of its node:
//
//	start the successor ─▶ it proves itself ─▶ the other retires
//	                   └─▶ it does not, or is not needed any more: it retires, the other stays
type deploymentMachine struct {
	now deploymentState
	id  string // workflow id

	at  moment
	out []action
}

// deploymentState is carried from run to run.
type deploymentState struct {
	Spec     aim.DeploymentSpec  `json:"spec"` // what is wanted
	UID      string              `json:"uid"`
	Revision int                 `json:"revision"`        // accepted changes of the spec
	Apply    *aim.DeploymentSpec `json:"apply,omitempty"` // accepted, not yet taken up
	Choosing *aim.DeploymentSpec `json:"choosing,omitempty"`
	Versions []*version          `json:"versions,omitempty"`
	Newest   int                 `json:"newest"`              // number of the last version made
	Target   int                 `json:"target"`              // the version that all are to run
	Good     int                 `json:"good,omitempty"`      // the version that is known to work; 0 = none yet
	Prior    int                 `json:"prior,omitempty"`     // the one that was good before
	Change   *change             `json:"change,omitempty"`    // on the way from Good to Target
	NoRoom   string              `json:"no_room,omitempty"`   // why nothing can be started beside what serves
	LookAt   time.Time           `json:"look_at"`             // when to look for room again
	Members  []*member           `json:"members"`             // by ordinal
	Attempts map[int]int         `json:"attempts,omitempty"`  // by ordinal, of members that are gone
	Note     string              `json:"note,omitempty"`      // what became of the last move
	NotTaken *aim.Failure        `json:"not_taken,omitempty"` // why the last change was not taken up
	Stop     string              `json:"stop,omitempty"`      // why it is to end; "" = it is not
	Failed   *aim.Failure        `json:"failed,omitempty"`
	Phase    aim.Phase           `json:"phase"`            // as last shown
	Entered  entered             `json:"entered,omitzero"` // the phase at hand
	Deadline time.Time           `json:"deadline"`
	AttachAt time.Time           `json:"attach_at"` // when members whose end would not be seen are asked next
}

// entered is a phase and when it began.
type entered struct {
	Phase aim.Phase `json:"phase"`
	At    time.Time `json:"at"`
}

// version is a spec with the ladder that was chosen for it. A restart makes
// another version of the same spec.
type version struct {
	Number int                `json:"number"`
	Spec   aim.DeploymentSpec `json:"spec"`
	Ladder aim.Ladder         `json:"ladder"`
}

// member is what a Deployment knows about one of its replicas.
type member struct {
	Ordinal   int               `json:"ordinal"`
	Version   int               `json:"version"` // of what it was last told to run
	Run       string            `json:"run"`     // first run id of its workflow; "" until it is known
	Seq       int               `json:"seq"`     // of the last report taken
	Status    aim.ReplicaStatus `json:"status"`
	Since     time.Time         `json:"since"`              // ready since; zero = it is not
	Proved    bool              `json:"proved,omitempty"`   // it has been well for a while with its version
	Broke     *aim.Failure      `json:"broke,omitempty"`    // why its version did not prove itself
	Lost      string            `json:"lost,omitempty"`     // why its node is taken for lost
	Succeeds  *succession       `json:"succeeds,omitempty"` // until it has taken the other's place
	Retired   bool              `json:"retired,omitempty"`  // not wanted any more: to be stopped, or gone
	Why       string            `json:"why,omitempty"`      // it was retired
	Stopping  bool              `json:"stopping,omitempty"` // it was told to
	Closed    bool              `json:"closed,omitempty"`   // its workflow does not run
	Followed  bool              `json:"-"`                  // this run sees the end of its workflow
	Starting  bool              `json:"-"`                  // this run has asked for its workflow
	AdoptBy   time.Time         `json:"adopt_by"`           // when a workflow that ran already has to have reported
	Told      int               `json:"told,omitempty"`     // number of the last command
	Unheard   *command          `json:"unheard,omitempty"`  // the last command, until a report says that it was heard
	Losses    int               `json:"losses,omitempty"`   // workflows of this ordinal that ended without being asked to
	NotBefore time.Time         `json:"not_before"`         // of the next workflow after a loss
}

// Events of a deployment.
type (
	asked  struct{} // a command of a user has changed the state
	chosen struct {
		failure *aim.Failure
		ladder  aim.Ladder
	}
	reported   struct{ r report }
	childBegan struct {
		ordinal int
		run     string
		failed  bool // to start
		taken   bool // its id: a workflow runs under it already
	}
	childEnded struct {
		ordinal int
		run     string // "" = one whose run was not known
	}
)

// Actions of a deployment.
type (
	choose     struct{ spec aim.DeploymentSpec }
	startChild struct{ in ReplicaInput }
	order      struct { // to a replica
		ordinal int
		run     string // of the workflow that is meant; "" = not known yet
		c       command
	}
)

const (
	// provedAfter is how long a replica of another version has to be ready until
	// it counts: what dies of its first requests dies within that.
	provedAfter = 10 * time.Second
	// startsAtOnce bounds the workflows whose start is under way: Temporal takes
	// 4 MB in one answer to a task.
	startsAtOnce = 20
	// inlined is up to how many replicas each is sent what it is to run. In a
	// larger deployment they ask for it.
	inlined = 16
	// adoptWithin is how long a workflow that ran under the id of a replica may
	// take to say that it is ours.
	adoptWithin = time.Second
	// attachEvery is how often replicas are asked for a report whose end this run
	// would not see, since an earlier run has started them.
	attachEvery = time.Hour
	// roomEvery is how often a roll-out that may neither start beside nor stop
	// first looks for room again.
	roomEvery = time.Minute
)

func newDeploymentMachine(id, uid string, spec aim.DeploymentSpec, resume *deploymentState) *deploymentMachine {
	d := &deploymentMachine{id: id}
	if resume != nil {
		d.now = *resume
		return d
	}
	if spec.Name == "" {
		spec.Name = id
	}
	d.now = deploymentState{Spec: spec, UID: uid, Revision: 1, Phase: aim.Pending}
	return d
}

// begins opens a moment in which the machine is told something.
func (d *deploymentMachine) begins(now time.Time) { d.at.now, d.out = now, nil }

func (d *deploymentMachine) step(at moment, e event) []action {
	d.begins(at.now)
	switch e := e.(type) {
	case began:
		d.begin(e.resumed)
	case chosen:
		d.takeLadder(e)
	case reported:
		d.take(e.r)
	case childBegan:
		d.began(e)
	case childEnded:
		if m := d.find(e.ordinal); m != nil && e.run == m.Run && !m.Starting {
			d.closed(m)
		}
	case cancelled:
		d.stop("the workflow was cancelled")
	}
	d.reconcile()
	if phase, _ := d.phase(); phase != d.now.Entered.Phase {
		d.now.Entered = entered{Phase: phase, At: d.at.now.UTC().Truncate(time.Millisecond)}
	}
	return d.out
}

func (d *deploymentMachine) begin(resumed bool) {
	switch {
	case resumed:
		d.now.AttachAt = d.at.now
		if d.now.Choosing != nil {
			d.choose(*d.now.Choosing)
		}
	case d.now.Spec.Name != d.id:
		d.now.Failed = aim.Failf(aim.ClassInput, "name %q is not the workflow id %q; leave it out or make them equal", d.now.Spec.Name, d.id)
	default:
		if d.now.Spec.Timeout > 0 {
			d.now.Deadline = d.at.now.Add(time.Duration(d.now.Spec.Timeout))
		}
		d.choose(d.now.Spec)
	}
}

func (d *deploymentMachine) choose(spec aim.DeploymentSpec) {
	d.now.Choosing = &spec
	d.out = append(d.out, choose{spec: spec})
}

func (d *deploymentMachine) stop(why string) {
	if d.now.Stop == "" && d.now.Failed == nil {
		d.now.Stop = clip(why, maxText)
	}
}

// reconcile brings the replicas closer to what is wanted: one look, and actions;
// the rest comes back as events.
func (d *deploymentMachine) reconcile() {
	d.adopted()
	d.attach()
	d.giveUp()
	if d.ending() {
		for _, m := range d.now.Members {
			m.Retired = true
		}
		d.retire()
		return
	}
	d.takeUp()
	if len(d.now.Versions) > 0 {
		d.judge()
		d.count()
		d.succeed()
		d.roll()
		d.retire()
		d.start()
	}
	d.forget()
}

func (d *deploymentMachine) ending() bool { return d.now.Stop != "" || d.now.Failed != nil }

// over tells whether nothing is left to do.
func (d *deploymentMachine) over() bool {
	return d.ending() && !slices.ContainsFunc(d.now.Members, func(m *member) bool { return !m.Closed })
}

// quiet: everything is in the state; what is being chosen is chosen by the next run.
func (d *deploymentMachine) quiet() bool { return d.now.Choosing == nil && !d.ending() }

// everReady tells whether a replica has ever been ready.
func (d *deploymentMachine) everReady() bool { return d.now.Good != 0 }

// giveUp ends a first start that has taken longer than the spec allows, or whose
// replicas have all run out of rungs.
func (d *deploymentMachine) giveUp() {
	if d.everReady() || d.ending() {
		return
	}
	if !d.now.Deadline.IsZero() && !d.at.now.Before(d.now.Deadline) {
		_, reason := d.summary()
		d.now.Failed = bounded(aim.Failf(aim.ClassTimeout, "not ready within %s; last seen: %s", time.Duration(d.now.Spec.Timeout), reason))
		return
	}
	if len(d.now.Members) == 0 || d.now.Apply != nil || d.now.Choosing != nil {
		return
	}
	for _, m := range d.now.Members {
		if m.Status.Phase != aim.Failed || m.Version != d.now.Target {
			return
		}
	}
	d.now.Failed = lastFailure(d.now.Members[0].Status)
}

// alarm is the next moment at which time alone changes something.
func (d *deploymentMachine) alarm() (next time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, m := range d.now.Members {
		sooner(m.AdoptBy)
	}
	if !d.ending() {
		if !d.everReady() {
			sooner(d.now.Deadline)
		}
		if c := d.now.Change; c != nil {
			sooner(c.Deadline)
		}
		sooner(d.now.LookAt)
		for _, m := range d.now.Members {
			if m.Closed && !m.Retired && m.NotBefore.After(d.at.now) {
				sooner(m.NotBefore)
			}
			if !m.Since.IsZero() && !m.Proved {
				sooner(m.Since.Add(d.settles(m.Version)))
			}
		}
	}
	if d.unseen() {
		sooner(d.now.AttachAt)
	}
	return next
}

func (d *deploymentMachine) find(ordinal int) *member {
	i, ok := slices.BinarySearchFunc(d.now.Members, ordinal, func(m *member, o int) int { return m.Ordinal - o })
	if !ok {
		return nil
	}
	return d.now.Members[i]
}

// version finds one by its number; the target where it is not kept any more.
func (d *deploymentMachine) version(n int) *version {
	for _, v := range d.now.Versions {
		if v.Number == n {
			return v
		}
	}
	if n != d.now.Target {
		return d.version(d.now.Target)
	}
	return nil
}

// forget lets go of members that are not wanted and have ended, and of versions
// that nobody runs or could go back to.
func (d *deploymentMachine) forget() {
	d.now.Members = slices.DeleteFunc(d.now.Members, func(m *member) bool {
		if !m.Retired || !m.Closed {
			return false
		}
		if d.now.Attempts == nil {
			d.now.Attempts = map[int]int{}
		}
		d.now.Attempts[m.Ordinal] = max(d.now.Attempts[m.Ordinal], m.Status.Attempt)
		return true
	})
	used := map[int]bool{d.now.Target: true, d.now.Good: true, d.now.Prior: true}
	for _, m := range d.now.Members {
		used[m.Version] = true
	}
	d.now.Versions = slices.DeleteFunc(d.now.Versions, func(v *version) bool { return !used[v.Number] })
}

// versionAnswer is what a replica is told that asks for what it is to run.
func (d *deploymentMachine) versionAnswer(n int) activities.VersionResult {
	v := d.version(n)
	if v == nil {
		return activities.VersionResult{UID: d.now.UID}
	}
	return activities.VersionResult{UID: d.now.UID, Spec: v.Spec, Ladder: v.Ladder}
}

func lastFailure(s aim.ReplicaStatus) *aim.Failure {
	if len(s.Tries) == 0 {
		return aim.Failf(aim.ClassInternal, "%s", s.Reason)
	}
	t := s.Tries[len(s.Tries)-1]
	return &aim.Failure{Class: t.Class, Why: t.Why, LogLines: t.Lines}
}
