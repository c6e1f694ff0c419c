package inventory

import (
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

func TestNobodyIsJudgedWhileControlIsDeaf(t *testing.T) {
	s := newScript(t, "n1", "n2", "n3")
	s.deaf = true // the network of control itself is gone: no beats, no probes, no endpoints
	for _, a := range s.agent {
		a.mute = true
	}
	s.pass(time.Minute)
	for id := range s.agent {
		// The first 250 ms of deafness cannot be told from silence.
		s.want(id, aim.Alive)
	}
	if why := s.tr.guard.reason(s.now); !strings.Contains(why, "not heard itself") {
		t.Errorf("reason = %q", why)
	}
	s.deaf = false
	s.agent["n1"].mute, s.agent["n2"].mute = false, false
	s.pass(600 * time.Millisecond)
	s.want("n3", aim.Alive) // it gets three beats anew
	s.until("n3", aim.Lost, 3*time.Second)
	s.want("n1", aim.Alive)
	s.want("n2", aim.Alive)
	if why := s.tr.guard.reason(s.now); why != "" {
		t.Errorf("still deaf: %s", why)
	}
}

func TestAFailedProbeOfADeafControlProvesNothing(t *testing.T) {
	s := newScript(t, "n1")
	s.agent["n1"].mute = true
	for s.rounds["n1"] == 0 {
		s.pass(tickEvery)
	}
	s.deaf = true
	s.pass(300 * time.Millisecond)
	rounds := s.rounds["n1"]
	s.pass(10 * time.Second)
	s.want("n1", aim.Silent)
	if s.rounds["n1"] == rounds {
		t.Error("it stopped probing")
	}
}

// TestControlThatWasStopped: for 5 or 30 seconds nothing is ticked; then the
// backlog comes in. Nobody is lost; who died meanwhile is found in a second.
func TestControlThatWasStopped(t *testing.T) {
	for _, stopped := range []time.Duration{5 * time.Second, 30 * time.Second} {
		t.Run(stopped.String(), func(t *testing.T) { controlStopped(t, stopped) })
	}
}

func controlStopped(t *testing.T, stopped time.Duration) {
	s := newScript(t, "n1", "n2", "n3")
	s.now = s.now.Add(stopped)
	s.agent["n3"].mute = true
	s.tr.tick(s.now) // before anything of the backlog has been read
	s.carryOut()
	for _, id := range []string{"n1", "n2", "n3"} {
		s.want(id, aim.Alive)
	}
	if took := s.until("n3", aim.Lost, 5*time.Second); took > 2*time.Second {
		t.Errorf("n3, dead all the while, was lost %s after control woke", took)
	}
	s.want("n1", aim.Alive)
	s.want("n2", aim.Alive)
}

func TestAfterAReconnectTheNodesHaveTimeToo(t *testing.T) {
	s := newScript(t, "n1", "n2")
	s.tr.guard.reconnected(s.now)
	s.agent["n1"].mute = true // it comes back 1.5 s later than control
	s.pass(1500 * time.Millisecond)
	s.want("n1", aim.Alive)
	s.agent["n1"].mute = false
	s.agent["n2"].mute = true
	s.pass(time.Second)
	s.want("n1", aim.Alive)
	s.until("n2", aim.Lost, 4*time.Second)
}

func TestLostProbesOfOneSelfDoNotCountForEver(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGuard(now)
	for range 3 * maxFlying {
		g.sent(now) // into the void
		now = now.Add(probeSelfEvery)
	}
	if len(g.flying) > maxFlying {
		t.Errorf("%d probes are remembered", len(g.flying))
	}
	g.tick(now)
	if !g.lagging() {
		t.Fatal("deaf, and does not know")
	}
	g.back(g.sent(now), now)
	if g.lagging() {
		t.Error("hears itself, and does not know")
	}
	g.back(0, now)
	g.back(1<<40, now) // rubbish
	if g.lagging() {
		t.Error("rubbish made it deaf")
	}
}
