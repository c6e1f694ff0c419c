package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// spoken plays the replicas and keeps what they are told.
type spoken struct {
	running []RunningReplica
	said    []string
	deaf    bool
}

func (s *spoken) Running(context.Context) ([]RunningReplica, error) { return s.running, nil }

func (s *spoken) TellNode(_ context.Context, id string, v workflows.NodeVerdict) error {
	if s.deaf {
		return errors.New("Temporal does not answer")
	}
	s.said = append(s.said, fmt.Sprintf("%s %s %s %s", id, v.Node, v.Token, v.Says))
	return nil
}

// Obligation: each replica of a lost node is told once; one of a node that is back
// is told when its server is well; while the brake holds, that; and what could not
// be said is said later.
func TestReplicasAreToldOfTheirNodes(t *testing.T) {
	id := aim.Identity{Deployment: "d", Ordinal: 2, Token: "t"}
	n := fleetNode("n1", 8, aim.Claim{Identity: id, GPUs: []string{gpuOf("n1", 0)}})
	n.Epoch = 1
	var held bool
	s := &spoken{}
	v := &Verdicts{Fleet: func() aim.Fleet { return aim.Fleet{Nodes: []aim.FleetNode{n}} },
		Held: func() (bool, string) { return held, "many" }, Replicas: s, Log: slog.New(slog.DiscardHandler)}
	for _, step := range []struct {
		name   string
		change func()
		want   []string
	}{
		{"alive: nothing is said", func() {}, nil},
		{"silent: nothing yet", func() { n.Liveness = aim.Silent }, nil},
		{"away: nothing is moved", func() { n.Liveness = aim.Away }, nil},
		{"lost with many others", func() { n.Liveness, held = aim.Lost, true }, []string{"d/r2 n1 t held"}},
		{"Temporal is down", func() { held, s.deaf = false, true }, nil},
		{"lost", func() { s.deaf = false }, []string{"d/r2 n1 t lost"}},
		{"still lost", func() {}, nil},
		{"the agent is back, the server is not seen yet", func() { n.Liveness = aim.Alive }, nil},
		{"the server is well", func() { n.Endpoints = []aim.Endpoint{{Identity: id, Healthy: true}} }, []string{"d/r2 n1 t back"}},
		{"and that is that", func() {}, nil},
	} {
		s.said = nil
		step.change()
		v.once(t.Context())
		v.once(t.Context())
		if !slices.Equal(s.said, step.want) {
			t.Errorf("%s: said %q, want %q", step.name, s.said, step.want)
		}
	}
}

// Obligation: a leader that starts late tells of a node that was lost before, and
// tells those that are degraded when their node is well.
func TestALateLeaderTellsToo(t *testing.T) {
	lost := aim.FleetNode{Node: aim.Node{ID: "n1"}, Liveness: aim.Lost}
	well := fleetNode("n2", 1)
	well.Endpoints = []aim.Endpoint{{Identity: aim.Identity{Deployment: "e", Token: "u"}, Healthy: true}}
	s := &spoken{running: []RunningReplica{{"d/r0", "n1", aim.Ready}, {"e/r0", "n2", aim.Degraded}, {"f/r0", "n3", aim.Ready}}}
	v := &Verdicts{Fleet: func() aim.Fleet { return aim.Fleet{Nodes: []aim.FleetNode{lost, well}} },
		Held: func() (bool, string) { return false, "" }, Replicas: s, Log: slog.New(slog.DiscardHandler)}
	v.once(t.Context())
	v.once(t.Context())
	if want := []string{"d/r0 n1  lost", "e/r0 n2 u back"}; !slices.Equal(s.said, want) {
		t.Errorf("said %q, want %q", s.said, want)
	}
}
