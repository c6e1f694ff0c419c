package inventory

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// script drives a tracker through time, without a clock.
type script struct {
	t     *testing.T
	tr    *tracker
	now   time.Time
	agent map[string]*agent
	// answers is what probes find, by node; absent = refused.
	answers map[string]bool
	deaf    bool // control does not hear itself
	asked   map[string]int
	rounds  map[string]int
}

// agent is a node as it speaks.
type agent struct {
	id          string
	from        incarnation
	seq         uint64
	revision    uint64
	content     []byte
	mute        bool
	endpoints   []aim.Endpoint
	host        string
	nextBeat    time.Time
	interval    time.Duration
	answersAsks bool
}

func newScript(t *testing.T, nodes ...string) *script {
	now := time.Unix(1000, 0)
	s := &script{
		t: t, tr: newTracker(now), now: now, agent: map[string]*agent{}, answers: map[string]bool{},
		asked: map[string]int{}, rounds: map[string]int{},
	}
	for _, id := range nodes {
		s.add(id)
	}
	s.pass(500 * time.Millisecond)
	return s
}

// add starts an agent with one healthy endpoint.
func (s *script) add(id string) *agent {
	a := &agent{
		id: id, from: incarnation{1, 1}, interval: DefaultBeat, answersAsks: true, host: "host-" + id,
		endpoints: []aim.Endpoint{{URL: "http://" + id, Healthy: true}},
	}
	s.agent[id] = a
	s.publish(a)
	return a
}

// publish sends a new revision.
func (s *script) publish(a *agent) {
	a.revision++
	data, err := json.Marshal(aim.Node{
		ID: a.id, Host: a.host, Epoch: a.from.epoch, Revision: a.revision, Endpoints: a.endpoints,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	a.content = data
	s.snapshot(a)
}

func (s *script) snapshot(a *agent) {
	a.seq++
	data, err := encodeSnapshot(a.content, a.from.nonce, a.seq)
	if err != nil {
		s.t.Fatal(err)
	}
	snap, err := decodeSnapshot(data, a.id)
	if err != nil {
		s.t.Fatal(err)
	}
	s.tr.snapshot(snap, s.now)
}

func (a *agent) beat() Beat {
	a.seq++
	return Beat{
		Epoch: a.from.epoch, Nonce: a.from.nonce, Seq: a.seq, Revision: a.revision,
		Digest: digestOf(a.content), Interval: a.interval,
	}
}

// restart is the agent's next start.
func (a *agent) restart(epoch uint64, nonce uint32) {
	a.from, a.seq, a.revision = incarnation{epoch, nonce}, 0, 0
}

// pass lets time go by in steps of 50 ms: agents beat, control hears itself and
// ticks, and what it wants done is done.
func (s *script) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(tickEvery)
		for _, a := range s.agent {
			if !a.mute && !s.now.Before(a.nextBeat) {
				a.nextBeat = s.now.Add(a.interval)
				s.tr.beat(a.id, a.beat(), s.now)
			}
		}
		if n := s.tr.guard.sent(s.now); !s.deaf {
			s.tr.guard.back(n, s.now)
		}
		s.tr.tick(s.now)
		s.carryOut()
	}
}

func (s *script) carryOut() {
	for _, e := range s.tr.take() {
		switch e.do {
		case askSnapshot:
			s.asked[e.node]++
			if a := s.agent[e.node]; a != nil && !a.mute && a.answersAsks {
				s.snapshot(a)
			}
		case probeEndpoints:
			s.rounds[e.node]++
			s.tr.probed(e.node, e.round, s.answers[e.node], s.now)
		}
	}
}

func (s *script) liveness(id string) aim.Liveness {
	n, ok := s.tr.fleet(s.now).Find(id)
	if !ok {
		return "unknown"
	}
	return n.Liveness
}

func (s *script) want(id string, l aim.Liveness) {
	s.t.Helper()
	if got := s.liveness(id); got != l {
		s.t.Fatalf("%s is %s, want %s (%s)", id, got, l, s.tr.peers[id].verdict.Reason)
	}
}

// until passes time until the node has this liveness, and returns how long.
func (s *script) until(id string, l aim.Liveness, limit time.Duration) time.Duration {
	s.t.Helper()
	start := s.now
	for s.liveness(id) != l {
		if s.now.Sub(start) > limit {
			s.t.Fatalf("%s is still %s after %s, want %s", id, s.liveness(id), limit, l)
		}
		s.pass(tickEvery)
	}
	return s.now.Sub(start)
}

func TestThreeMissedBeatsAreSilence(t *testing.T) {
	s := newScript(t, "n1")
	s.want("n1", aim.Alive)
	s.agent["n1"].mute = true
	s.answers["n1"] = true
	took := s.until("n1", aim.Away, 2*time.Second) // silent is over in a moment: its endpoint answers
	if took < 500*time.Millisecond || took > time.Second {
		t.Errorf("a node that beats every 250 ms was found silent after %s", took)
	}
	s.agent["n1"].mute = false
	s.until("n1", aim.Alive, time.Second)
}

func TestTheBeatsOwnIntervalCounts(t *testing.T) {
	s := newScript(t, "n1")
	s.agent["n1"].interval = time.Second
	s.pass(5 * time.Second)
	s.want("n1", aim.Alive)
	s.agent["n1"].mute = true
	if took := s.until("n1", aim.Lost, 6*time.Second); took < 2*time.Second {
		t.Errorf("a node that beats every second was lost after %s", took)
	}
}

func TestAwayWhileAnEndpointAnswers(t *testing.T) {
	s := newScript(t, "n1")
	s.agent["n1"].mute = true
	s.answers["n1"] = true
	s.until("n1", aim.Away, 2*time.Second)
	s.pass(10 * time.Minute)
	s.want("n1", aim.Away)
	s.answers["n1"] = false
	if took := s.until("n1", aim.Lost, 5*time.Second); took > 4*time.Second {
		t.Errorf("lost %s after its endpoints went", took)
	}
	s.answers["n1"] = true // and the endpoints are back, say after a partition
	s.until("n1", aim.Away, 6*time.Second)
}

func TestOneFailedProbeIsNotEnough(t *testing.T) {
	s := newScript(t, "n1")
	s.agent["n1"].mute = true
	for s.rounds["n1"] == 0 {
		s.pass(tickEvery)
	}
	s.want("n1", aim.Silent)
	s.answers["n1"] = true
	s.until("n1", aim.Away, time.Second)
}

func TestLostSoonAfterADeath(t *testing.T) {
	s := newScript(t, "n1", "n2")
	s.agent["n1"].mute = true
	s.tr.disconnected("n1", s.now)
	if took := s.until("n1", aim.Lost, 3*time.Second); took > time.Second {
		t.Errorf("a machine that died was lost after %s", took)
	}
	s.want("n2", aim.Alive)
}

func TestDisconnectOfAnOldConnectionHealsWithTheNextBeat(t *testing.T) {
	s := newScript(t, "n1")
	s.tr.disconnected("n1", s.now)
	s.want("n1", aim.Silent)
	s.pass(300 * time.Millisecond)
	s.want("n1", aim.Alive)
}

func TestWithoutEndpointsItIsLostAfterFiveSeconds(t *testing.T) {
	s := newScript(t)
	a := s.add("n1")
	a.endpoints = []aim.Endpoint{{URL: "http://n1", Healthy: false}} // a server that still starts says nothing
	s.publish(a)
	s.pass(time.Second)
	a.mute = true
	took := s.until("n1", aim.Lost, 10*time.Second)
	if took < 4500*time.Millisecond || took > 6*time.Second || s.rounds["n1"] != 0 {
		t.Errorf("lost after %s and %d probes", took, s.rounds["n1"])
	}
}

func TestGoodbye(t *testing.T) {
	for _, tc := range []struct {
		name      string
		endpoints bool
		answers   bool
		then      aim.Liveness
		after     time.Duration
	}{
		{"an upgrade: the servers answer on", true, true, aim.Away, 5 * time.Minute},
		{"a shutdown: they refuse", true, false, aim.Lost, 2 * time.Second},
		{"nothing served: it has a minute", false, false, aim.Away, 50 * time.Second},
		{"nothing served: then it is lost", false, false, aim.Lost, 70 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t)
			a := s.add("n1")
			if !tc.endpoints {
				a.endpoints = nil
				s.publish(a)
			}
			s.answers["n1"] = tc.answers
			s.pass(time.Second)
			b := a.beat()
			b.Flags |= FlagGoodbye
			s.tr.beat("n1", b, s.now)
			s.want("n1", aim.Silent)
			a.mute = true
			s.pass(tc.after)
			s.want("n1", tc.then)
			mark := s.tr.mark
			s.pass(time.Second)
			if s.tr.mark != mark {
				t.Errorf("the verdict does not stand still")
			}
			a.mute = false
			a.restart(2, 2)
			s.publish(a)
			s.pass(time.Second)
			s.want("n1", aim.Alive)
		})
	}
}

func TestDuplicatesAndOldMessagesAreNoSignOfLife(t *testing.T) {
	s := newScript(t, "n1")
	a := s.agent["n1"]
	last := a.beat()
	s.tr.beat("n1", last, s.now)
	a.mute = true
	start := s.now
	for s.now.Sub(start) < 5*time.Second {
		s.tr.beat("n1", last, s.now) // again and again
		older := last
		older.Seq--
		s.tr.beat("n1", older, s.now)
		earlier := last
		earlier.Epoch = 0
		s.tr.beat("n1", earlier, s.now)
		s.pass(tickEvery)
	}
	s.want("n1", aim.Lost)
}

func TestNewestContentWins(t *testing.T) {
	s := newScript(t, "n1")
	a := s.agent["n1"]
	old := Snapshot{Nonce: 1, Seq: a.seq, Digest: 1, Node: aim.Node{ID: "n1", Host: "old", Epoch: 1, Revision: 1}}
	a.host = "new"
	s.publish(a)
	s.tr.snapshot(old, s.now) // overtaken by the newer one
	if n, _ := s.tr.fleet(s.now).Find("n1"); n.Host != "new" || n.Revision != 2 {
		t.Errorf("content went back to %s revision %d", n.Host, n.Revision)
	}
	a.restart(5, 9)
	a.host = "after restart"
	s.publish(a)
	s.tr.snapshot(old, s.now)
	if n, _ := s.tr.fleet(s.now).Find("n1"); n.Host != "after restart" || n.Revision != 1 {
		t.Errorf("content of epoch 5 gave way to %s revision %d", n.Host, n.Revision)
	}
}

func TestAMissedSnapshotIsAskedFor(t *testing.T) {
	s := newScript(t, "n1")
	a := s.agent["n1"]
	if s.asked["n1"] != 0 {
		t.Fatalf("asked %d times with nothing missing", s.asked["n1"])
	}
	a.revision, a.answersAsks = a.revision+1, false
	a.content = []byte(fmt.Sprintf(`{"id":"n1","hostname":"changed","epoch":1,"revision":%d}`, a.revision))
	s.pass(3200 * time.Millisecond)
	if n := s.asked["n1"]; n < 2 || n > 4 {
		t.Errorf("asked %d times in 3 s, want about once a second", n)
	}
	a.answersAsks = true
	s.pass(1100 * time.Millisecond)
	if n, _ := s.tr.fleet(s.now).Find("n1"); n.Host != "changed" {
		t.Errorf("content is still that of %q", n.Host)
	}
	asked := s.asked["n1"]
	s.pass(5 * time.Second)
	if s.asked["n1"] != asked {
		t.Error("goes on asking although nothing is missing")
	}
}

func TestMixedUpContentIsAskedFor(t *testing.T) {
	s := newScript(t, "n1")
	p := s.tr.peers["n1"]
	p.content.digest++ // the same revision, other bytes
	s.pass(2 * time.Second)
	if s.asked["n1"] == 0 || p.content.digest != digestOf(s.agent["n1"].content) {
		t.Errorf("asked %d times; digest mended: %v", s.asked["n1"], p.content.digest == digestOf(s.agent["n1"].content))
	}
}

func TestExpectedNodesThatAreNeverHeard(t *testing.T) {
	s := newScript(t, "n1")
	for _, id := range []string{"dead", "away", "n1"} {
		s.tr.expect(aim.Node{ID: id, Endpoints: []aim.Endpoint{{URL: "http://" + id, Healthy: true}}}, s.now)
	}
	s.answers["away"] = true
	s.pass(2 * time.Second)
	s.want("dead", aim.Lost)
	s.want("away", aim.Away)
	s.want("n1", aim.Alive)
}

func TestForgottenNodes(t *testing.T) {
	s := newScript(t, "n1", "n2", "n3", "n4")
	mark := s.tr.mark
	s.agent["n1"].mute = true
	s.until("n1", aim.Lost, 5*time.Second)
	s.tr.remove("n2")
	s.agent["n2"].mute = true
	if c := s.tr.since(mark, s.now); len(c.Nodes) != 1 || c.Nodes[0].ID != "n1" || fmt.Sprint(c.Removed) != "[n2]" {
		t.Errorf("changes = %+v", c)
	}
	s.now = s.now.Add(forgetAfter) // nobody ticked meanwhile; the others are heard again at once
	s.pass(time.Second)
	if got := s.liveness("n1"); got != "unknown" {
		t.Errorf("a node lost for a day is %s", got)
	}
	s.want("n3", aim.Alive)
	s.agent["n2"].mute = false
	s.pass(2 * time.Second)
	s.want("n2", aim.Alive)
	if c := s.tr.since(mark, s.now); fmt.Sprint(c.Removed) != "[n1]" {
		t.Errorf("removed = %v", c.Removed)
	}
}

func TestReasonsAreGiven(t *testing.T) {
	s := newScript(t, "n1")
	s.agent["n1"].mute = true
	s.until("n1", aim.Lost, 5*time.Second)
	if v := s.tr.peers["n1"].verdict; !strings.Contains(v.Reason, "no endpoint answered") || v.Since.IsZero() {
		t.Errorf("verdict = %+v", v)
	}
}

// TestSendersClocksDoNotCount: whatever an agent's clock says, and however it is
// set, it is as alive as its beats.
func TestSendersClocksDoNotCount(t *testing.T) {
	s := newScript(t, "n1")
	before := s.tr.mark
	for _, wall := range []time.Duration{time.Hour, -time.Hour, 0, -100 * 365 * 24 * time.Hour} {
		b := s.agent["n1"].beat()
		b.Sent = time.Now().Add(wall).UnixNano()
		s.tr.beat("n1", b, s.now)
		s.pass(DefaultBeat)
		s.want("n1", aim.Alive)
	}
	if s.tr.mark != before {
		t.Error("a clock was news")
	}
	if n := s.tr.fleet(s.now).Nodes[0]; n.AgeMS > DefaultBeat.Milliseconds() {
		t.Errorf("its last beat is %d ms old", n.AgeMS)
	}
}
