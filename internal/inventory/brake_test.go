package inventory

import (
	"fmt"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// scriptOf has n nodes, n0 and up.
func scriptOf(t *testing.T, n int) *script {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("n%d", i))
	}
	return newScript(t, ids...)
}

func (s *script) kill(n int) {
	for i := range n {
		s.agent[fmt.Sprintf("n%d", i)].mute = true
	}
}

func TestWhenTheBrakeHolds(t *testing.T) {
	for _, tc := range []struct {
		nodes, die int
		held       bool
	}{
		{1, 1, false}, {2, 1, false}, {2, 2, false}, // too few to tell
		{3, 1, false}, {3, 2, true}, {4, 1, false}, {4, 2, true},
		{6, 2, false}, {6, 3, true}, {10, 1, false}, {10, 3, false}, {10, 4, true},
	} {
		s := scriptOf(t, tc.nodes)
		s.kill(tc.die)
		s.until("n0", aim.Lost, 5*time.Second)
		if held := s.tr.brake.reason(s.now) != ""; held != tc.held {
			t.Errorf("%d of %d nodes lost: held = %v (%s)", tc.die, tc.nodes, held, s.tr.brake.reason(s.now))
		}
	}
}

// TestTheBrakeHoldsBeforeTheFirstLoss: replacements of the first node found lost
// must not start because the others are still being probed.
func TestTheBrakeHoldsBeforeTheFirstLoss(t *testing.T) {
	s := scriptOf(t, 6)
	s.kill(4)
	for s.liveness("n0") != aim.Lost && s.liveness("n1") != aim.Lost {
		s.pass(tickEvery)
		if s.tr.brake.reason(s.now) == "" && (s.liveness("n0") == aim.Lost || s.liveness("n1") == aim.Lost) {
			t.Fatal("a node is lost and the brake is open")
		}
	}
}

func TestAwayNodesDoNotBrake(t *testing.T) {
	s := scriptOf(t, 4)
	for id := range s.agent {
		s.answers[id] = true
	}
	s.kill(4)
	s.until("n0", aim.Away, 2*time.Second)
	s.pass(time.Second)
	if why := s.tr.brake.reason(s.now); why != "" {
		t.Errorf("held although everything serves: %s", why)
	}
}

func TestTheBrakeLetsGoWhenNodesAreBack(t *testing.T) {
	s := scriptOf(t, 6)
	s.kill(4)
	s.until("n0", aim.Lost, 5*time.Second)
	s.agent["n0"].mute, s.agent["n1"].mute = false, false
	s.pass(time.Second)
	if why := s.tr.brake.reason(s.now); why != "" {
		t.Errorf("two of six are down and it holds: %s", why)
	}
}

func TestTheBrakeLetsGoAfterFiveMinutes(t *testing.T) {
	s := scriptOf(t, 3)
	s.kill(2)
	s.until("n0", aim.Lost, 5*time.Second)
	s.pass(4*time.Minute + 50*time.Second)
	if s.tr.brake.reason(s.now) == "" {
		t.Error("let go before its time")
	}
	s.pass(15 * time.Second)
	if why := s.tr.brake.reason(s.now); why != "" {
		t.Errorf("holds for ever: %s", why)
	}
	s.agent["n2"].mute = true // the last one: alone, so it is no mass loss
	s.until("n2", aim.Lost, 5*time.Second)
	if why := s.tr.brake.reason(s.now); why != "" {
		t.Errorf("one node of one brakes: %s", why)
	}
}

func TestLossesFarApartDoNotBrake(t *testing.T) {
	s := scriptOf(t, 6)
	for i := range 3 {
		s.agent[fmt.Sprintf("n%d", i)].mute = true
		s.pass(40 * time.Second)
		if why := s.tr.brake.reason(s.now); why != "" {
			t.Fatalf("held after %d single losses: %s", i+1, why)
		}
	}
}
