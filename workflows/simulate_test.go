package workflows

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/ledger"
	"github.com/aim-engine/aim/scheduler"
)

// The simulation runs the machines of Deployments and Replicas, the real scheduler
// and real ledgers through hours in which nearly everything fails: messages come
// late, twice and in another order, runs continue as new and drop what is under way,
// activities run twice or after they were given up, servers die, nodes go away, die
// and come back, leaders forget. Then it is quiet for a while, and everything has to
// be as it is wanted.
//
//	make simulate                                    10,000 seeds
//	AIM_SIMULATE_SEED=17 go test ./workflows -run TestSimulation -v    that one, told step by step

const (
	simNodes = 3
	simGPUs  = 3
	trouble  = 25 * time.Minute // in which things fail
	peace    = 60 * time.Minute // in which they must come right
)

type timed struct {
	at  time.Time
	n   int
	run func()
}

type timeline []timed

func (q timeline) Len() int { return len(q) }
func (q timeline) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].n < q[j].n
}
func (q timeline) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *timeline) Push(x any)   { *q = append(*q, x.(timed)) }
func (q *timeline) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

type sim struct {
	t      *testing.T
	rnd    *rand.Rand
	now    time.Time
	queue  timeline
	n      int
	core   *scheduler.Scheduler
	nodes  []*simNode
	deps   map[string]*simDeployment
	reps   map[string]*simReplica // the latest run chain of each id
	turns  map[string]func(aim.Decision)
	calm   bool
	dirty  bool // claims or servers have changed
	wrong  string
	loud   bool
	wanted map[string]bool
	onCall func(*simNode, *simCall) // hears each activity that a node takes up; nil = nobody does
}

type simNode struct {
	id      string
	ledger  *ledger.Ledger
	up      bool                    // its agent answers
	servers map[string]aim.Identity // by token
	gpus    map[string][]string     // of the servers
	stopped map[string]bool         // tokens for which Stop has come
	busy    map[string]time.Time    // when an activity last worked on a token
	missed  []func()                // what waits until it is up
}

type simDeployment struct {
	name, uid string
	m         *deploymentMachine
	closed    bool
	life      int // of the run: what was under way for an earlier one is lost
	flying    int
	ring      time.Time
}

type simReplica struct {
	id, run string
	m       *replicaMachine
	closed  bool
	life    int
	flying  int
	ring    time.Time
	owner   aim.Owner
	dep     *simDeployment
	calls   map[string]*simCall
}

type simCall struct {
	c      call
	done   bool
	holdOn func() // gives a waiting turn back
}

func (s *sim) logf(format string, args ...any) {
	if s.loud {
		s.t.Logf("%8s "+format, append([]any{s.now.Sub(time.Unix(0, 0).UTC()).Round(time.Millisecond)}, args...)...)
	}
}

func (s *sim) fail(format string, args ...any) {
	if s.wrong == "" {
		s.wrong = fmt.Sprintf("after %s: ", s.now.Sub(time.Unix(0, 0).UTC()).Round(time.Millisecond)) + fmt.Sprintf(format, args...)
		s.logf("WRONG: %s", s.wrong)
	}
}

func (s *sim) after(d time.Duration, run func()) {
	s.n++
	heap.Push(&s.queue, timed{at: s.now.Add(d), n: s.n, run: run})
}

// lag is how long a message takes.
func (s *sim) lag() time.Duration {
	if s.rnd.IntN(10) == 0 {
		return time.Duration(s.rnd.IntN(5000)) * time.Millisecond
	}
	return time.Duration(s.rnd.IntN(50)) * time.Millisecond
}

func (s *sim) chance(percent int) bool { return !s.calm && s.rnd.IntN(100) < percent }

// simulate runs one seed; it returns what went wrong.
func simulate(t *testing.T, seed uint64, loud bool) string {
	s, done := newSim(t, seed, loud)
	defer done()
	s.users()
	s.every(2*time.Second, s.chaos)
	s.after(trouble, s.settle)
	s.play(trouble + peace)
	s.atRest()
	return s.wrong
}

// newSim is a fleet that nobody wants anything of yet.
func newSim(t *testing.T, seed uint64, loud bool) (s *sim, done func()) {
	s = &sim{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(0, 0).UTC(), core: scheduler.New(scheduler.Options{}),
		deps: map[string]*simDeployment{}, reps: map[string]*simReplica{}, turns: map[string]func(aim.Decision){}, loud: loud, wanted: map[string]bool{}}
	dir := fastDir(t)
	for i := range simNodes {
		n := &simNode{id: fmt.Sprint("n", i), up: true, servers: map[string]aim.Identity{}, gpus: map[string][]string{}, stopped: map[string]bool{}, busy: map[string]time.Time{}}
		l, err := ledger.Open(filepath.Join(dir, n.id), "boot")
		if err != nil {
			t.Fatal(err)
		}
		n.ledger = l
		s.nodes = append(s.nodes, n)
		s.hearOf(n)
	}
	s.every(5*time.Second, func() { s.core.Expire(s.now); s.turn() })
	s.every(10*time.Second, s.tend)
	return s, func() {
		for _, n := range s.nodes {
			_ = n.ledger.Close()
		}
		_ = os.RemoveAll(dir)
	}
}

// play goes on for so long, or until something is wrong.
func (s *sim) play(length time.Duration) {
	end := s.now.Add(length)
	for steps := 0; len(s.queue) > 0 && s.wrong == ""; steps++ {
		next := heap.Pop(&s.queue).(timed)
		if next.at.After(end) {
			heap.Push(&s.queue, next)
			s.now = end
			return
		}
		if steps > 400_000 {
			s.fail("it goes round in circles")
		}
		s.now = next.at
		next.run()
		s.check()
	}
}

// fastDir is a folder on which a sync costs nothing, where there is one.
func fastDir(t *testing.T) string {
	base := "/dev/shm"
	if _, err := os.Stat(base); err != nil {
		base = ""
	}
	dir, err := os.MkdirTemp(base, "aim-simulate-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (s *sim) every(d time.Duration, f func()) {
	s.after(d, func() { f(); s.every(d, f) })
}

// ---- users

func (s *sim) users() {
	for i := range 2 {
		name := fmt.Sprint("d", i)
		s.after(s.lag(), func() { s.deploy(name) })
	}
	var act func()
	act = func() {
		if s.calm {
			return
		}
		s.command(fmt.Sprint("d", s.rnd.IntN(2)))
		s.after(time.Duration(s.rnd.IntN(240))*time.Second, act)
	}
	s.after(20*time.Second, act)
}

func (s *sim) deploy(name string) {
	if d := s.deps[name]; d != nil && !d.closed {
		return
	}
	s.deployReplicas(name, 1+s.rnd.IntN(3))
}

func (s *sim) deployReplicas(name string, replicas int) {
	s.n++
	d := &simDeployment{name: name, uid: fmt.Sprint("u", s.n)}
	d.m = newDeploymentMachine(name, d.uid, aim.DeploymentSpec{Model: "o/m", Name: name, Replicas: replicas}, nil)
	s.deps[name], s.wanted[name] = d, true
	s.stepD(d, began{})
}

func (s *sim) command(name string) {
	d := s.deps[name]
	if d == nil || d.closed {
		s.deploy(name)
		return
	}
	d.m.begins(s.now)
	did := ""
	switch s.rnd.IntN(8) {
	case 0, 1:
		r := ScaleRequest{Replicas: 1 + s.rnd.IntN(3)}
		if d.m.checkScale(r) == nil {
			d.m.scale(r)
			did = fmt.Sprint("scale ", r.Replicas)
		}
	case 2:
		if d.m.checkOpen() == nil {
			d.m.restartAll()
			did = "restart"
		}
	case 3, 4:
		spec := d.m.wanted()
		spec.MaxModelLen = []int{0, 1024, 2048, 666}[s.rnd.IntN(4)] // 666 never becomes ready
		if d.m.checkApply(spec) == nil {
			d.m.apply(spec)
			did = fmt.Sprint("apply ", spec.MaxModelLen)
		}
	case 5:
		r := MoveRequest{Ordinal: s.rnd.IntN(4), Evict: s.rnd.IntN(3) == 0}
		if d.m.checkMove(r) == nil {
			d.m.move(r)
			did = fmt.Sprintf("move %+v", r)
		}
	case 6:
		if d.m.checkRollback() == nil {
			d.m.rollback()
			did = "rollback"
		}
	case 7:
		d.m.stopOnRequest(StopRequest{})
		did, s.wanted[name] = "stop", false
	}
	if did != "" {
		s.logf("%s: %s", name, did)
		s.carryD(d, d.m.out)
		s.stepD(d, asked{})
	}
}

func (s *sim) stopDeployment(name string) {
	d := s.deps[name]
	d.m.begins(s.now)
	d.m.stopOnRequest(StopRequest{})
	s.wanted[name] = false
	s.carryD(d, d.m.out)
	s.stepD(d, asked{})
}

// ---- workflows

func (s *sim) at() moment {
	return moment{now: s.now, token: func() string { return fmt.Sprintf("t%x", s.rnd.Uint64()) }}
}

func (s *sim) stepD(d *simDeployment, e event) {
	if d.closed {
		return
	}
	s.carryD(d, d.m.step(s.at(), e))
	if d.m.over() && d.flying == 0 {
		d.closed = true
		s.logf("%s ends: %s", d.name, d.m.status().Reason)
		return
	}
	if at := d.m.alarm(); !at.Equal(d.ring) {
		if d.ring = at; !at.IsZero() {
			life := d.life
			s.after(max(at.Sub(s.now), time.Millisecond), func() {
				if d.life == life && d.ring.Equal(at) {
					d.ring = time.Time{}
					s.stepD(d, alarmed{})
				}
			})
		}
	}
	if s.chance(3) && d.m.quiet() && !d.m.over() && d.flying == 0 {
		state := reread(s.t, &d.m.now)
		d.m, d.ring = newDeploymentMachine(d.name, d.uid, state.Spec, state), time.Time{}
		d.life++
		s.logf("%s continues as new", d.name)
		s.stepD(d, began{resumed: true})
	}
}

// reread is a state as the next run reads it.
func reread[T any](t *testing.T, now *T) *T {
	data, err := json.Marshal(now)
	if err != nil {
		t.Fatal(err)
	}
	next := new(T)
	if err := json.Unmarshal(data, next); err != nil {
		t.Fatal(err)
	}
	return next
}

func (s *sim) carryD(d *simDeployment, out []action) {
	life := d.life
	for _, a := range out {
		switch a := a.(type) {
		case choose:
			s.after(s.lag(), func() {
				if d.life == life {
					s.stepD(d, chosen{ladder: ladderFor(a.spec)})
				}
			})
		case startChild:
			d.flying++
			s.after(s.lag(), func() { d.flying--; s.startReplica(d, life, a.in) })
		case order:
			s.signal(&d.flying, func() bool { return d.life == life }, func() bool {
				r := s.reps[ReplicaID(d.name, a.ordinal)]
				if r == nil || r.closed {
					return false
				}
				s.stepR(r, commanded{copied(s.t, a.c)})
				return true
			}, func() { s.stepD(d, childEnded{ordinal: a.ordinal, run: a.run}) })
		}
	}
}

// copied is a message as the other side reads it.
func copied[T any](t *testing.T, v T) T { return *reread(t, &v) }

// signal delivers a message: late, perhaps twice, perhaps not at all when the run
// that sends it has ended.
func (s *sim) signal(flying *int, lives func() bool, deliver func() bool, gone func()) {
	*flying++
	s.after(s.lag(), func() {
		*flying--
		if deliver() {
			if s.chance(5) {
				s.after(s.lag(), func() { deliver() })
			}
		} else if lives() {
			gone()
		}
	})
}

func ladderFor(spec aim.DeploymentSpec) aim.Ladder {
	rung := func(n, gpus int) aim.Rung {
		return aim.Rung{Number: n, Recipe: fmt.Sprint("r", n), GPUs: gpus, GPUType: "MI300X", Backend: "vllm", Options: []aim.Option{{Name: "len", Value: strconv.Itoa(spec.MaxModelLen)}}}
	}
	return aim.Ladder{Rungs: []aim.Rung{rung(1, 1), rung(2, 1)}}
}

func (s *sim) startReplica(d *simDeployment, life int, in ReplicaInput) {
	id := ReplicaID(d.name, in.Ordinal)
	if old := s.reps[id]; old != nil && !old.closed {
		if d.life == life {
			s.stepD(d, childBegan{ordinal: in.Ordinal, failed: true, taken: true})
		}
		return
	}
	s.n++
	r := &simReplica{id: id, run: fmt.Sprint("run", s.n), dep: d, calls: map[string]*simCall{}}
	r.m = newReplicaMachine(copied(s.t, in), r.run, nil)
	s.reps[id] = r
	if d.life == life {
		s.stepD(d, childBegan{ordinal: in.Ordinal, run: r.run})
	}
	s.stepR(r, began{})
}

func (s *sim) stepR(r *simReplica, e event) {
	if r.closed {
		return
	}
	s.carryR(r, r.m.step(s.at(), e))
	s.endR(r)
	if r.closed {
		return
	}
	if at := r.m.alarm(); !at.Equal(r.ring) {
		if r.ring = at; !at.IsZero() {
			life := r.life
			s.after(max(at.Sub(s.now), time.Millisecond), func() {
				if r.life == life && r.ring.Equal(at) {
					r.ring = time.Time{}
					s.stepR(r, alarmed{})
				}
			})
		}
	}
	if s.chance(2) && !r.m.grown {
		s.after(0, func() { s.stepR(r, grown{}) })
	}
	s.renewR(r)
}

// renewR continues as new where the loop of a workflow would.
func (s *sim) renewR(r *simReplica) {
	if !r.closed && r.m.grown && r.m.quiet() && r.flying == 0 && !r.m.over() {
		state := reread(s.t, &r.m.now)
		in := r.m.in
		in.wish = wish{Revision: in.Revision}
		r.m, r.ring = newReplicaMachine(in, r.run, state), time.Time{}
		r.life++
		s.logf("%s continues as new, %s", r.id, r.m.now.Stage)
		s.stepR(r, began{resumed: true})
	}
}

// endR closes the workflow when its last report is on its way.
func (s *sim) endR(r *simReplica) {
	if r.closed || !r.m.over() || r.flying > 0 {
		return
	}
	r.closed = true
	s.logf("%s ends as %s: %s", r.id, r.m.now.Status.Phase, r.m.now.Status.Reason)
	d, run, ordinal := r.dep, r.run, r.m.in.Ordinal
	s.after(s.lag(), func() {
		if m := d.m.find(ordinal); m != nil && m.Followed {
			s.stepD(d, childEnded{ordinal: ordinal, run: run})
		}
	})
}

func (s *sim) carryR(r *simReplica, out []action) {
	life := r.life
	for _, a := range out {
		switch a := a.(type) {
		case own:
			r.owner = a.owner
		case tell:
			s.report(r, life, a.r)
		case closing:
			s.report(r, life, a.r)
		case call:
			if old := r.calls[a.name]; old != nil && !old.done {
				s.fail("%s opens %s twice", r.id, a.name)
			}
			c := &simCall{c: a}
			r.calls[a.name] = c
			s.logf("%s: %s", r.id, a.summary)
			s.call(r, c)
		case cancelCall:
			if c := r.calls[a.name]; c != nil && !c.done && a.name != activities.Claim {
				s.after(0, func() { s.answer(r, c, nil, aim.Failf(aim.ClassCancelled, "cancelled")) })
			}
		}
	}
}

func (s *sim) report(r *simReplica, life int, rep report) {
	rep = copied(s.t, rep)
	s.signal(&r.flying, func() bool { return r.life == life }, func() bool {
		if r.dep.closed || s.deps[r.dep.name] != r.dep {
			return false
		}
		s.stepD(r.dep, reported{copied(s.t, rep)})
		return true
	}, func() { s.stepR(r, orphaned{}) })
	s.after(6*time.Second, func() { s.endR(r); s.renewR(r); s.stepIfOver(r.dep) })
}

func (s *sim) stepIfOver(d *simDeployment) {
	if !d.closed && d.m.over() && d.flying == 0 {
		s.stepD(d, asked{})
	}
}

// answer ends an activity.
func (s *sim) answer(r *simReplica, c *simCall, result any, f *aim.Failure) {
	if c.done {
		return
	}
	c.done = true
	if c.holdOn != nil {
		c.holdOn()
	}
	if f != nil {
		result = nil
		s.logf("%s: %s fails: %s", r.id, c.c.name, f.Error())
	}
	s.stepR(r, ended{name: c.c.name, result: result, failure: f})
}

// ---- the fleet

func (s *sim) node(id string) *simNode {
	for _, n := range s.nodes {
		if activities.NodeQueue(n.id) == id || n.id == id {
			return n
		}
	}
	return nil
}

// hearOf tells the scheduler of a node, after a while.
func (s *sim) hearOf(n *simNode) {
	s.dirty = true
	s.after(s.lag()/4, func() {
		f := aim.FleetNode{Liveness: aim.Alive}
		f.ID, f.Runtimes, f.Claims = n.id, []string{"process"}, n.ledger.Claims()
		if !n.up {
			f.Liveness = aim.Lost
		}
		for i := range simGPUs {
			id, minor, bytes := fmt.Sprintf("%s-g%d", n.id, i), 128+i, uint64(192<<30)
			f.GPUs = append(f.GPUs, aim.GPU{ID: id, UUID: id, PCI: fmt.Sprintf("0000:%02x:00.0", i), Type: "MI300X", Partitions: 1,
				RenderMinor: &minor, VRAMBytes: &bytes, Health: aim.HealthOK})
		}
		s.core.Apply(f)
		s.turn()
	})
}

func (s *sim) turn() {
	for _, g := range s.core.Turn(s.now) {
		if answer, ok := s.turns[g.Request.Token]; ok {
			delete(s.turns, g.Request.Token)
			answer(g.Decision)
		}
	}
}

// call carries an activity out, some time later, and perhaps twice.
func (s *sim) call(r *simReplica, c *simCall) {
	s.after(s.lag(), func() {
		if c.done && c.c.name != activities.Start && c.c.name != activities.Claim {
			return
		}
		switch q := c.c.request.(type) {
		case activities.VersionRequest:
			v := r.dep.m.versionAnswer(q.Version)
			if r.dep.closed || v.UID != q.UID || len(v.Ladder.Rungs) == 0 {
				s.answer(r, c, nil, aim.Failf(aim.ClassOrphaned, "gone"))
				return
			}
			s.answer(r, c, copied(s.t, v), nil)
		case activities.PlaceRequest:
			s.place(r, c, q)
		default:
			s.onNode(r, c)
		}
	})
}

func (s *sim) place(r *simReplica, c *simCall, q activities.PlaceRequest) {
	if c.c.name == activities.Place {
		for node := range q.Avoid {
			s.core.Refused(&q.PlacementRequest, node)
		}
		s.answer(r, c, copied(s.t, activities.PlaceResult{Decision: s.core.Place(q.PlacementRequest, s.now)}), nil)
		return
	}
	s.turns[q.Token] = func(d aim.Decision) { s.answer(r, c, copied(s.t, activities.PlaceResult{Decision: d}), nil) }
	c.holdOn = func() {
		if _, waits := s.turns[q.Token]; waits {
			delete(s.turns, q.Token)
			s.core.Cancel(&q.PlacementRequest)
		}
	}
	s.core.Wait(q.PlacementRequest)
	s.turn()
}

// onNode hands an activity to its node. One that is away takes it up when it is
// back, unless it was given up by then.
func (s *sim) onNode(r *simReplica, c *simCall) {
	n := s.node(c.c.queue)
	if s.onCall != nil && n.up {
		s.onCall(n, c)
	}
	if !n.up {
		patience := 5 * time.Minute
		if c.c.name == activities.Stop || c.c.name == activities.Release {
			patience = time.Minute
		}
		s.after(patience, func() {
			if !c.done && !n.up {
				s.answer(r, c, nil, aim.Failf(aim.ClassNodeLost, "node %s does not answer", n.id))
			}
		})
		n.missed = append(n.missed, func() { s.call(r, c) })
		return
	}
	result, f, ends := n.work(s, c.c)
	if c.c.name == activities.Claim || c.c.name == activities.Release || c.c.name == activities.Start || c.c.name == activities.Stop {
		s.hearOf(n)
	}
	if s.chance(5) {
		n.work(s, c.c) // the answer was lost, and it was done again
	}
	if ends {
		s.after(s.lag()/2, func() { s.answer(r, c, result, f) })
		return
	}
	s.watch(r, c, n)
}

// watch ends when the server does.
func (s *sim) watch(r *simReplica, c *simCall, n *simNode) {
	token := c.c.request.(activities.WatchRequest).Token
	every := 3 * time.Second
	if s.calm {
		every = 20 * time.Second // nothing dies any more
	}
	s.after(every, func() {
		switch {
		case c.done:
		case !n.up:
			s.onNode(r, c)
		case n.servers[token].Token == "":
			s.answer(r, c, nil, aim.Failf(aim.ClassExited, "the server ended"))
		default:
			n.busy[token] = s.now
			s.watch(r, c, n)
		}
	})
}

// work is what the node does: look, act, confirm.
func (n *simNode) work(s *sim, c call) (result any, f *aim.Failure, ends bool) {
	switch q := c.request.(type) {
	case activities.ClaimRequest:
		n.busy[q.Token] = s.now
		if n.stopped[q.Token] {
			return nil, aim.Failf(aim.ClassCancelled, "stopped"), true
		}
		for token, gpus := range n.gpus {
			for _, g := range gpus {
				if slices.Contains(q.GPUs, g) && token != q.Token {
					return nil, aim.Failf(aim.ClassRefused, "%s is used by a server", g), true
				}
			}
		}
		_, err := n.ledger.Claim(aim.Claim{Identity: q.Identity, GPUs: q.GPUs, Port: n.port(), Since: s.now, Replaces: q.Replaces})
		return nil, aim.FailureOf(err), true
	case activities.PullRequest:
		n.busy[q.Token] = s.now
		return nil, s.accident(2, aim.ClassImage), true
	case activities.FetchRequest:
		n.busy[q.Token] = s.now
		return nil, s.accident(2, aim.ClassWeights), true
	case activities.StartRequest:
		return n.start(s, q)
	case activities.ReadyRequest:
		n.busy[q.Token] = s.now
		switch {
		case n.servers[q.Token].Token == "":
			return nil, aim.Failf(aim.ClassExited, "the server ended"), true
		case q.Rung.Options[0].Value == "666":
			return nil, aim.Failf(aim.ClassOption, "it never becomes ready"), true
		}
		return activities.ReadyResult{Endpoint: aim.Endpoint{Identity: q.Identity, URL: "http://" + n.id}}, s.accident(5, aim.ClassOOM), true
	case activities.WatchRequest:
		n.busy[q.Token] = s.now
		return nil, nil, false
	case activities.StopRequest:
		n.stopped[q.Token] = true
		delete(n.servers, q.Token)
		delete(n.gpus, q.Token)
		return nil, nil, true
	case activities.ReleaseRequest:
		if n.servers[q.Token].Token != "" {
			s.fail("%s is released while its server runs", q.Server())
		}
		return nil, aim.FailureOf(n.ledger.Release(q.Identity)), true
	}
	return nil, aim.Failf(aim.ClassInternal, "no such activity"), true
}

func (n *simNode) start(s *sim, q activities.StartRequest) (any, *aim.Failure, bool) {
	n.busy[q.Token] = s.now
	i := slices.IndexFunc(n.ledger.Claims(), func(c aim.Claim) bool { return c.Same(q.Identity) })
	if i < 0 || n.stopped[q.Token] {
		return nil, aim.Failf(aim.ClassRefused, "%s has no claim", q.Server()), true
	}
	n.servers[q.Token], n.gpus[q.Token] = q.Identity, n.ledger.Claims()[i].GPUs
	if f := s.accident(4, aim.ClassStart); f != nil {
		delete(n.servers, q.Token)
		delete(n.gpus, q.Token)
		return nil, f, true
	}
	return activities.StartResult{}, nil, true
}

func (s *sim) accident(percent int, class aim.FailureClass) *aim.Failure {
	if s.chance(percent) {
		return aim.Failf(class, "an accident")
	}
	return nil
}

func (n *simNode) port() int {
	for port := 8000; ; port++ {
		if !slices.ContainsFunc(n.ledger.Claims(), func(c aim.Claim) bool { return c.Port == port }) {
			return port
		}
	}
}

// tend is the ownership rule of every node.
func (s *sim) tend() {
	for _, n := range s.nodes {
		for _, c := range n.ledger.Claims() {
			if !n.up || s.now.Sub(n.busy[c.Token]) < 30*time.Second || s.owned(c.Identity) {
				continue
			}
			s.logf("%s ends the claim of %s, which nobody owns", n.id, c.Server())
			n.stopped[c.Token] = true
			delete(n.servers, c.Token)
			delete(n.gpus, c.Token)
			if err := n.ledger.Release(c.Identity); err != nil {
				s.t.Fatal(err)
			}
			s.hearOf(n)
		}
	}
}

func (s *sim) owned(id aim.Identity) bool {
	d, r := s.deps[id.Deployment], s.reps[ReplicaID(id.Deployment, id.Ordinal)]
	return d != nil && !d.closed && d.uid == id.UID && r != nil && !r.closed && r.owner.Token == id.Token
}

// ---- faults

func (s *sim) chaos() {
	if s.calm {
		return
	}
	n := s.nodes[s.rnd.IntN(len(s.nodes))]
	switch s.rnd.IntN(60) {
	case 0, 1: // a server dies
		for _, token := range slices.Sorted(maps.Keys(n.servers)) {
			delete(n.servers, token)
			delete(n.gpus, token)
			s.logf("a server dies on %s", n.id)
			break
		}
	case 2: // the node, with its servers
		s.down(n, true)
	case 3: // its agent
		s.down(n, false)
	case 4: // the leader
		s.logf("another leader")
		s.core = scheduler.New(scheduler.Options{})
		for _, n := range s.nodes {
			s.hearOf(n)
		}
		s.requeue()
	case 5: // a replica's workflow is terminated
		for _, id := range slices.Sorted(maps.Keys(s.reps)) {
			if r := s.reps[id]; !r.closed && s.rnd.IntN(3) == 0 {
				r.closed = true
				for _, c := range r.calls {
					c.done = true
				}
				s.logf("%s is terminated", id)
				if m := r.dep.m.find(r.m.in.Ordinal); m != nil && m.Followed {
					s.after(s.lag(), func() { s.stepD(r.dep, childEnded{ordinal: r.m.in.Ordinal, run: r.run}) })
				}
				break
			}
		}
	}
}

// requeue asks the new leader what the old one was asked.
func (s *sim) requeue() {
	for _, id := range slices.Sorted(maps.Keys(s.reps)) {
		r := s.reps[id]
		if c := r.calls[activities.AwaitTurn]; c != nil && !c.done {
			s.after(s.lag(), func() {
				if !c.done {
					s.place(r, c, c.c.request.(activities.PlaceRequest))
				}
			})
		}
	}
	clear(s.turns)
}

func (s *sim) down(n *simNode, servers bool) {
	if !n.up {
		return
	}
	s.fall(n, servers)
	s.after(time.Duration(s.rnd.IntN(600))*time.Second, func() { s.back(n) })
}

// fall takes a node away, or its agent alone.
func (s *sim) fall(n *simNode, servers bool) {
	n.up = false
	s.logf("%s goes away, its servers too: %v", n.id, servers)
	if servers {
		clear(n.servers)
		clear(n.gpus)
		s.after(3*time.Second, func() {
			if !n.up {
				s.hearOf(n)
				s.verdict(n, NodeLost)
			}
		})
	}
}

func (s *sim) back(n *simNode) {
	if n.up {
		return
	}
	n.up = true
	clear(n.stopped)
	s.logf("%s is back", n.id)
	s.hearOf(n)
	missed := n.missed
	n.missed = nil
	for _, m := range missed {
		m()
	}
	s.after(time.Second, func() { s.verdict(n, NodeBack) })
}

// verdict is what the leader says of a node.
func (s *sim) verdict(n *simNode, says NodeState) {
	for _, c := range n.ledger.Claims() {
		r := s.reps[ReplicaID(c.Deployment, c.Ordinal)]
		if r == nil || says == NodeBack && n.servers[c.Token].Token == "" {
			continue
		}
		v := NodeVerdict{Node: n.id, Token: c.Token, Says: says}
		s.after(s.lag(), func() { s.stepR(r, judged{v}) })
	}
}

// settle ends the trouble: what is away comes back, and what never becomes ready is
// not wanted any more.
func (s *sim) settle() {
	s.calm = true
	s.logf("peace")
	for _, n := range s.nodes {
		s.back(n)
	}
	for _, name := range slices.Sorted(maps.Keys(s.deps)) {
		if d := s.deps[name]; !d.closed && s.wanted[name] && d.m.checkOpen() == nil {
			d.m.begins(s.now)
			spec := d.m.wanted()
			spec.MaxModelLen = 0
			d.m.apply(spec)
			d.m.restartAll() // a crash loop waits for a person
			s.carryD(d, d.m.out)
			s.stepD(d, asked{})
		}
	}
}

// ---- what must hold

// check is asked after every step.
func (s *sim) check() {
	if !s.dirty {
		return // no claim and no server has come or gone
	}
	s.dirty = false
	for _, n := range s.nodes {
		held := map[string]string{}
		claims := n.ledger.Claims()
		for _, c := range claims {
			for _, g := range c.GPUs {
				if held[g] != "" {
					s.fail("GPU %s is held by %s and %s", g, held[g], c.Server())
				}
				held[g] = c.Server()
			}
		}
		used := map[string]string{}
		for token, id := range n.servers {
			if !slices.ContainsFunc(claims, func(c aim.Claim) bool { return c.Token == token }) {
				s.fail("server %s has no claim", id.Server())
			}
			for _, g := range n.gpus[token] {
				if used[g] != "" {
					s.fail("GPU %s is used by %s and %s", g, used[g], id.Server())
				}
				used[g] = id.Server()
			}
		}
	}
}

// atRest is asked at the end: all that is wanted serves, and nothing else exists.
func (s *sim) atRest() {
	if s.wrong != "" {
		return
	}
	servers := map[string]int{}
	for _, n := range s.nodes {
		for _, c := range n.ledger.Claims() {
			if !s.owned(c.Identity) {
				s.fail("%s holds %s, which nobody owns", n.id, c.Server())
			}
			if n.servers[c.Token].Token == "" {
				s.fail("%s has a claim on %s and no server", c.Server(), n.id)
			}
		}
		for _, id := range n.servers {
			servers[id.Deployment]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.deps)) {
		d := s.deps[name]
		st := d.m.status()
		want := 0
		if s.wanted[name] && !d.closed {
			want = st.Wanted
			if st.Phase != aim.Ready || len(st.Replicas) != want {
				s.fail("%s is %s: %s; %d replicas for %d", name, st.Phase, st.Reason, len(st.Replicas), want)
				state, _ := json.Marshal(d.m.now.Members)
				s.logf("members: %s", state)
			}
		}
		if !s.wanted[name] && !d.closed {
			s.fail("the stop of %s has not ended: %s, %s", name, st.Phase, st.Reason)
		}
		if servers[name] != want {
			s.fail("%s has %d servers, want %d", name, servers[name], want)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.reps)) {
		if r := s.reps[id]; !r.closed && (s.deps[r.dep.name] != r.dep || r.dep.closed) {
			s.fail("%s outlives its deployment: %s", id, r.m.now.Stage)
		}
	}
}

// TestSimulation: whatever fails in whatever order, nothing is held twice, and
// everything comes right in the end.
func TestSimulation(t *testing.T) {
	seeds, first := uint64(500), uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("AIM_SIMULATE"), 10, 64); err == nil {
		seeds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("AIM_SIMULATE_SEED"), 10, 64); err == nil {
		seeds, first = 1, n
	}
	for seed := first; seed < first+seeds; seed++ {
		if wrong := simulate(t, seed, seeds == 1); wrong != "" {
			t.Errorf("seed %d: %s (AIM_SIMULATE_SEED=%d go test ./workflows -run TestSimulation -v)", seed, wrong, seed)
		}
		if t.Failed() && seed-first > 20 {
			return
		}
	}
}
