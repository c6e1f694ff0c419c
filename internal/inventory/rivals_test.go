package inventory

import (
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

func (s *script) refusal(id string) string {
	n, _ := s.tr.fleet(s.now).Find(id)
	return n.Cordon
}

// clone starts a second agent under the id of another.
func (s *script) clone(id string, from incarnation) *agent {
	c := *s.agent[id]
	c.from, c.seq, c.revision, c.host = from, 0, 0, "host-of-the-clone"
	s.agent["clone of "+id] = &c
	s.publish(&c)
	return &c
}

func TestTwoMachinesWithOneIDAreRefused(t *testing.T) {
	for name, from := range map[string]incarnation{
		"later start":               {9, 5},
		"earlier start":             {0, 5},
		"same epoch (copied image)": {1, 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, "n1")
			c := s.clone("n1", from)
			s.pass(2 * time.Second)
			why := s.refusal("n1")
			if !strings.Contains(why, "two agents use the node id n1") {
				t.Fatalf("cordon = %q", why)
			}
			s.snapshot(c) // both have been asked who they are
			if why := s.refusal("n1"); !strings.Contains(why, "host-n1") || !strings.Contains(why, "host-of-the-clone") {
				t.Errorf("the reason does not name both hosts: %q", why)
			}
			c.mute = true // the clone is switched off
			s.pass(conflictRest + time.Second)
			if why := s.refusal("n1"); why != "" {
				t.Errorf("still refused: %q", why)
			}
			s.want("n1", aim.Alive)
		})
	}
}

func TestTheOtherOfTwoMayStayToo(t *testing.T) {
	s := newScript(t, "n1")
	s.clone("n1", incarnation{9, 5})
	s.pass(2 * time.Second)
	delete(s.agent, "clone of n1") // the newer one goes, the older stays
	s.pass(conflictRest + 2*time.Second)
	s.want("n1", aim.Alive)
	if n, _ := s.tr.fleet(s.now).Find("n1"); n.Cordon != "" || n.Host != "host-n1" {
		t.Errorf("node = %s, cordon %q", n.Host, n.Cordon)
	}
}

func TestARestartIsNoConflict(t *testing.T) {
	s := newScript(t, "n1")
	a := s.agent["n1"]
	late := []Beat{a.beat(), a.beat(), a.beat(), a.beat(), a.beat()}
	a.restart(2, 7)
	s.publish(a)
	for _, b := range late { // the rest of the old agent's messages
		s.tr.beat("n1", b, s.now)
	}
	s.pass(5 * time.Second)
	if why := s.refusal("n1"); why != "" {
		t.Errorf("refused after a restart: %s", why)
	}
	if p := s.tr.peers["n1"]; p.current.epoch != 2 {
		t.Errorf("current epoch is %d", p.current.epoch)
	}
}

func TestAWipedDiskAndASetBackClock(t *testing.T) {
	s := newScript(t)
	a := s.add("n1")
	a.restart(1000, 1)
	s.publish(a)
	s.pass(time.Second)
	a.restart(3, 2) // lower than any before
	s.publish(a)
	s.pass(2 * time.Second)
	s.want("n1", aim.Alive)
	if n, _ := s.tr.fleet(s.now).Find("n1"); n.Epoch != 3 || n.Cordon != "" {
		t.Errorf("epoch %d, cordon %q; want the living agent's content", n.Epoch, n.Cordon)
	}
}
