package workflows

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// desk drives a deploymentMachine by hand: it plays its replicas.
type desk struct {
	t   *testing.T
	d   *deploymentMachine
	now time.Time

	orders []order
	starts []ReplicaInput
	seq    map[int]int
	runs   int
}

func newDesk(t *testing.T, spec aim.DeploymentSpec) *desk {
	k := &desk{t: t, now: time.Unix(1_700_000_000, 0), seq: map[int]int{},
		d: newDeploymentMachine("m", "u1", spec, nil)}
	k.step(began{})
	k.step(chosen{ladder: threeRungs()})
	return k
}

func (k *desk) step(e event) {
	for _, a := range k.d.step(moment{now: k.now}, e) {
		switch a := a.(type) {
		case order:
			k.orders = append(k.orders, a)
		case startChild:
			k.starts = append(k.starts, a.in)
		}
	}
}

// say is a replica's report.
func (k *desk) say(ordinal int, change func(*report)) {
	m := k.d.find(ordinal)
	k.seq[ordinal]++
	r := report{UID: "u1", Run: m.Run, Seq: 1000*k.runs + k.seq[ordinal], Heard: m.Told,
		Status: aim.ReplicaStatus{Ordinal: ordinal, Attempt: 1, Node: fmt.Sprint("n", ordinal), Revision: m.Version, Phase: aim.Ready}}
	if change != nil {
		change(&r)
	}
	k.step(reported{r})
}

// begin lets every workflow that was asked for start and its replica be ready.
func (k *desk) begin() {
	for len(k.starts) > 0 {
		in := k.starts[0]
		k.starts = k.starts[1:]
		k.step(childBegan{ordinal: in.Ordinal, run: fmt.Sprint("run", k.runs, "-", in.Ordinal, "-", len(k.starts))})
		k.say(in.Ordinal, nil)
	}
}

func (k *desk) pass(d time.Duration) {
	k.now = k.now.Add(d)
	k.step(alarmed{})
}

// renewed is the deployment after a continue-as-new: by its JSON, as Temporal keeps it.
func (k *desk) renewed() {
	data, err := json.Marshal(&k.d.now)
	if err != nil {
		k.t.Fatal(err)
	}
	state := &deploymentState{}
	if err := json.Unmarshal(data, state); err != nil {
		k.t.Fatal(err)
	}
	k.runs++
	k.orders = nil
	k.d = newDeploymentMachine("m", "u1", state.Spec, state)
	k.step(began{resumed: true})
}

func (k *desk) verbs() (all []verb) {
	for _, o := range k.orders {
		all = append(all, o.c.Verb)
	}
	return all
}

func replicas(n int) aim.DeploymentSpec { s := aWish(); s.Replicas = n; return s }

// A command that was on its way when the run ended may never have left: the next
// run says it again unless it was heard.
func TestCommandsAreSaidAgainAfterContinueAsNew(t *testing.T) {
	k := newDesk(t, replicas(3))
	k.begin()
	k.d.scale(ScaleRequest{Replicas: 1})
	k.step(asked{})
	if !slices.Equal(k.verbs(), []verb{verbStop, verbStop}) {
		t.Fatalf("told %v", k.verbs())
	}
	k.renewed()
	if got := k.verbs(); !slices.Equal(got, []verb{verbAttach, verbStop, verbStop}) {
		t.Errorf("the next run says %v", got)
	}
	for _, o := range k.orders[1:] {
		if o.c.N != 1 {
			t.Errorf("said again under the number %d", o.c.N)
		}
		k.say(o.ordinal, func(r *report) { r.Status.Phase = aim.Stopped })
	}
	if s := k.d.status(); len(s.Replicas) != 1 || s.Phase != aim.Ready {
		t.Errorf("%+v", s)
	}
}

// A replica that has heard a command is not told twice, and one that hears it twice
// does it once.
func TestACommandIsObeyedOnce(t *testing.T) {
	m := newReplicaMachine(replicaInput(), "r", nil)
	at := moment{now: time.Unix(1, 0), token: func() string { return "t" }}
	m.step(at, began{})
	restart := command{UID: "u1", N: 1, Verb: verbRestart, Update: &replicaUpdate{wish: wish{Revision: 2, Ladder: threeRungs()}}}
	m.step(at, commanded{restart})
	m.step(at, ended{name: activities.Place, failure: aim.Failf(aim.ClassCancelled, "x")})
	if m.now.Wish.Revision != 2 || m.now.Status.Attempt != 2 {
		t.Fatalf("revision %d, attempt %d", m.now.Wish.Revision, m.now.Status.Attempt)
	}
	out := m.step(at, commanded{restart})
	if len(out) != 1 || m.now.Next != nil || m.aborts {
		t.Errorf("the same command again leads to %+v", out)
	}
	if r, ok := out[0].(tell); !ok || r.r.Heard != 1 {
		t.Errorf("it answers %+v", out)
	}
}

// Scaling to 1,000 starts the workflows in steps, sends none of them the ladder, and
// leaves a state that fits into a message whatever the replicas have to tell.
func TestAThousandReplicas(t *testing.T) {
	k := newDesk(t, replicas(1))
	k.begin()
	k.d.scale(ScaleRequest{Replicas: aim.MaxReplicas})
	k.step(asked{})
	for n := 0; n < 2000 && len(k.starts) > 0; n++ {
		if len(k.starts) > startsAtOnce {
			t.Fatalf("%d workflows are started in one step", len(k.starts))
		}
		in := k.starts[0]
		k.starts = k.starts[1:]
		if len(in.Ladder.Rungs) > 0 {
			t.Fatal("the ladder is copied into the input")
		}
		k.step(childBegan{ordinal: in.Ordinal, run: fmt.Sprint("run", in.Ordinal)})
	}
	long := strings.Repeat("x", 1<<16)
	for _, m := range k.d.now.Members {
		k.say(m.Ordinal, func(r *report) {
			r.Status.Phase, r.Status.Reason = aim.Degraded, long
			for range 20 {
				r.Status.Tries = append(r.Status.Tries, aim.Try{Why: long, Lines: []string{long}})
			}
		})
	}
	if n := len(k.d.now.Members); n != aim.MaxReplicas {
		t.Fatalf("%d members", n)
	}
	for what, v := range map[string]any{"state": k.d.now, "status": k.d.status()} {
		if data, _ := json.Marshal(v); len(data) > 3<<19 {
			t.Errorf("the %s has %d bytes", what, len(data))
		}
	}
}

// Too much text at each door of a replica leaves reports and state small.
func TestTextsAreBoundedWhereTheyEnter(t *testing.T) {
	long := strings.Repeat("log line ", 300_000)
	failure := &aim.Failure{Class: aim.ClassUnhealthy, Why: long, Hint: long, LogLines: slices.Repeat([]string{long}, 50)}
	at := moment{now: time.Unix(1, 0), token: func() string { return "t" }}
	m := newReplicaMachine(replicaInput(), "r", nil)
	m.step(at, began{})
	for name, e := range map[string]event{
		"a failure":         ended{name: activities.Place, failure: failure},
		"a stop":            commanded{command{UID: "u1", Verb: verbStop, Why: long}},
		"a restart":         commanded{command{UID: "u1", Verb: verbRestart, Why: long, Update: &replicaUpdate{wish: wish{Revision: 2, Ladder: threeRungs()}, Why: long}}},
		"a verdict":         judged{NodeVerdict{Node: "n1", Token: "t", Says: NodeLost, Why: long}},
		"a long wait":       ended{name: activities.Place, result: activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Wait, Cures: []string{long}}}},
		"a placement's why": ended{name: activities.Place, result: activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Place, Placement: &aim.Placement{Ranks: []aim.Rank{{Node: "n1"}}}}}},
	} {
		m := newReplicaMachine(replicaInput(), "r", nil)
		m.step(at, began{})
		out := m.step(at, e)
		for _, a := range out {
			if data, _ := json.Marshal(a); len(data) > 100<<10 {
				t.Errorf("%s: an action has %d bytes", name, len(data))
			}
			if r, ok := a.(tell); ok {
				if data, _ := json.Marshal(r.r); len(data) > 64<<10 {
					t.Errorf("%s: a report has %d bytes", name, len(data))
				}
			}
		}
		if data, _ := json.Marshal(m.now); len(data) > 64<<10 {
			t.Errorf("%s: the state has %d bytes", name, len(data))
		}
	}
	k := newDesk(t, replicas(1))
	k.begin()
	k.d.stopOnRequest(StopRequest{Why: long})
	k.step(asked{})
	if data, _ := json.Marshal(k.orders); len(data) > 4<<10 {
		t.Errorf("the stop that is handed on has %d bytes", len(data))
	}
}

func TestClipKeepsRunesWhole(t *testing.T) {
	for n := 6; n < 20; n++ {
		if got := clip(strings.Repeat("é", 20), n); len(got) > n || strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("clip to %d: %q", n, got)
		}
	}
}

// A node that is away for a month leaves few steps and one timer.
func TestANodeThatIsAwayForLongCostsNoMemory(t *testing.T) {
	m := readyReplica(t)
	at := moment{now: time.Unix(2, 0), token: func() string { return "t" }}
	lost := aim.Failf(aim.ClassNodeLost, "node n1 does not answer")
	m.step(at, ended{name: activities.Watch, failure: lost})
	for range 9000 {
		at.now = at.now.Add(5 * time.Minute)
		m.step(at, ended{name: activities.AwaitReady, failure: lost})
	}
	if n := len(m.now.Status.Steps); n > maxSteps {
		t.Errorf("%d steps", n)
	}
	if m.now.Stage != stageProving || m.now.Lost == "" || !m.alarm().IsZero() {
		t.Errorf("%s, lost %q, alarm %s", m.now.Stage, m.now.Lost, m.alarm())
	}
}

// readyReplica is one whose server on n1 has proved itself.
func readyReplica(t *testing.T) *replicaMachine {
	t.Helper()
	m := newReplicaMachine(replicaInput(), "r", nil)
	at := moment{now: time.Unix(1, 0), token: func() string { return "t" }}
	m.step(at, began{})
	for _, e := range []event{
		ended{name: activities.Place, result: activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Place,
			Placement: &aim.Placement{Ranks: []aim.Rank{{Node: "n1", GPUs: []string{"g"}}}}}}},
		ended{name: activities.Claim}, ended{name: activities.PullImage}, ended{name: activities.FetchModel},
		ended{name: activities.Start, result: activities.StartResult{}},
		ended{name: activities.AwaitReady, result: activities.ReadyResult{}},
	} {
		m.step(at, e)
	}
	if m.now.Stage != stageWatching || m.now.Status.Phase != aim.Ready {
		t.Fatalf("it is %s, %s", m.now.Stage, m.now.Status.Phase)
	}
	return m
}

// While one lost replica pauses, the reports of the others set no further alarms.
func TestOneAlarmForALostReplica(t *testing.T) {
	k := newDesk(t, replicas(3))
	k.begin()
	k.step(childEnded{ordinal: 1, run: k.d.find(1).Run})
	first := k.d.alarm()
	for i := range 50 {
		k.now = k.now.Add(time.Millisecond)
		k.say(2*(i%2), nil)
		if got := k.d.alarm(); !got.Equal(first) || first.IsZero() {
			t.Fatalf("the alarm moved from %s to %s", first, got)
		}
	}
	k.pass(time.Second)
	if len(k.starts) != 1 || k.starts[0].Ordinal != 1 {
		t.Errorf("started %+v", k.starts)
	}
}
