package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/internal/machine"
	"github.com/aim-engine/aim/workflows"
)

// onRack labels both nodes and returns what takes a node out of it again. A
// deployment that selects the rack is on n1 first where n1 alone carries it.
func onRack(t *testing.T, ctx context.Context, s *stack.Stack, nodes ...string) {
	t.Helper()
	for _, n := range nodes {
		must(t, s.Aim(ctx, "node", "label", n, "rack=drained").Error())
	}
}

func tidyRack(t *testing.T, s *stack.Stack) {
	t.Cleanup(func() {
		for _, n := range []string{"n1", "n2"} {
			s.Aim(context.Background(), "node", "uncordon", n)
			s.Aim(context.Background(), "node", "label", n, "rack-")
		}
	})
}

// racked wants a replica of a rack.
func racked(name, simulate string) aim.DeploymentSpec {
	wish := named(name, simulate)
	wish.Selector = map[string]string{"rack": "drained"}
	return wish
}

// Obligation: a drain empties a node without one moment in which a deployment that
// serves does not; what cannot become ready holds nothing up; it goes on when control
// and the agent are killed in the middle; and it says what it waits for.
func TestDrainEmptiesANodeWhileItsModelsServe(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	tidyRack(t, s)
	onRack(t, ctx, s, "n1")
	serves := []string{"drain-a", "drain-b", "drain-c"}
	for _, name := range serves {
		apply(t, ctx, s, racked(name, "load=500ms"))
	}
	apply(t, ctx, s, racked("drain-hung", "hang"))
	must(t, awaitStep(ctx, s, "drain-hung", activities.AwaitReady, 1))
	for _, name := range serves {
		if on := node(awaitReady(t, ctx, s, name)); on != "n1" {
			t.Fatalf("%s is on %s", name, on)
		}
	}
	onRack(t, ctx, s, "n2")

	down := make(chan string, 1)
	watching, stop := context.WithCancel(ctx)
	go func() { // a deployment that serves always has a replica that is ready
		defer close(down)
		for watching.Err() == nil {
			for _, name := range serves {
				if st, err := s.Status(watching, name); err == nil && st.Phase != aim.Ready {
					down <- name + " is " + string(st.Phase) + ": " + st.Reason
					return
				}
			}
		}
	}()
	must(t, s.Aim(ctx, "node", "drain", "n1", "--detach").Error())
	must(t, s.Kill(ctx, stack.Control))
	must(t, s.Kill(ctx, stack.NodeProcess("n1")))
	must(t, s.Aim(ctx, "node", "drain", "n1").Error()) // follows the one that goes on
	stop()
	if what, ok := <-down; ok {
		t.Errorf("while n1 was drained, %s", what)
	}
	fleet, err := s.Fleet(ctx)
	must(t, err)
	if n, _ := fleet.Find("n1"); len(n.Claims) != 0 || n.Cordon == "" {
		t.Errorf("n1 has %d claims and the cordon %q", len(n.Claims), n.Cordon)
	}
	for _, name := range serves {
		status := awaitReady(t, ctx, s, name)
		if node(status) != "n2" {
			t.Errorf("%s is on %s", name, node(status))
		}
		checkServes(t, s, status)
	}
}

// Obligation: a replica that has no place elsewhere stays and serves, and the drain
// says so; with --stop-first it stops, unless min_available forbids it; opening the
// node ends a drain.
func TestDrainWithoutRoom(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	tidyRack(t, s)
	onRack(t, ctx, s, "n1") // and no other
	kept := racked("drain-kept", "")
	kept.MinAvailable = 1
	apply(t, ctx, s, kept)
	apply(t, ctx, s, racked("drain-spared", ""))
	awaitReady(t, ctx, s, "drain-kept")
	awaitReady(t, ctx, s, "drain-spared")

	must(t, s.Aim(ctx, "node", "drain", "n1", "--detach").Error())
	awaitDrain(t, ctx, s, "n1", func(d workflows.DrainStatus) bool {
		return strings.Contains(d.Reason, "drain-kept/0 stays for now") && strings.Contains(d.Reason, "drain-spared/0 stays for now") && strings.Contains(d.Reason, "rack=drained")
	})
	r := s.Aim(ctx, "node", "drain", "n1", "--timeout", "500ms")
	if r.Code != 4 || !strings.Contains(r.Err, "the drain goes on") {
		t.Errorf("a drain that is not waited for ends with %d: %s", r.Code, r.Err)
	}
	must(t, s.Aim(ctx, "node", "uncordon", "n1").Error())
	awaitDrain(t, ctx, s, "n1", func(d workflows.DrainStatus) bool { return d.Phase == workflows.DrainEnded })
	for _, name := range []string{"drain-kept", "drain-spared"} {
		checkServes(t, s, awaitReady(t, ctx, s, name))
	}

	must(t, s.Aim(ctx, "node", "drain", "n1", "--stop-first", "--detach").Error())
	awaitDrain(t, ctx, s, "n1", func(d workflows.DrainStatus) bool {
		return len(d.Left) == 1 && d.Left[0].Name() == "drain-kept/0" && d.Left[0].Phase == aim.Ready && strings.Contains(d.Reason, "min_available is 1")
	})
	onRack(t, ctx, s, "n2") // there is room now
	must(t, s.Aim(ctx, "node", "drain", "n1").Error())
	for _, name := range []string{"drain-kept", "drain-spared"} {
		if on := node(awaitReady(t, ctx, s, name)); on != "n2" {
			t.Errorf("%s is on %s", name, on)
		}
	}
}

// Obligation: a node that is drained for a reboot is opened when it is back, and not
// before.
func TestDrainForReboot(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	tidyRack(t, s)
	must(t, s.Aim(ctx, "node", "drain", "n1", "--for", "reboot", "--detach").Error())
	awaitDrain(t, ctx, s, "n1", func(d workflows.DrainStatus) bool { return d.Phase == workflows.DrainEmpty })
	must(t, s.Kill(ctx, stack.NodeProcess("n1"))) // its agent alone has started anew
	awaitDrain(t, ctx, s, "n1", func(d workflows.DrainStatus) bool { return d.Phase == workflows.DrainEmpty })

	var agent stack.Process
	must(t, stack.Eventually(ctx, func() (bool, error) {
		var err error
		agent, err = s.Find(stack.NodeProcess("n1"))
		return err == nil, nil
	}))
	tree := filepath.Join(s.Dir, "simulated", "n1", "tree")
	t.Cleanup(func() { // it is on this machine again, for those who look for that
		must(t, os.RemoveAll(filepath.Join(tree, "proc")))
		must(t, s.Kill(context.WithoutCancel(ctx), stack.NodeProcess("n1")))
		must(t, stack.Eventually(context.WithoutCancel(ctx), func() (bool, error) {
			fleet, err := s.Fleet(context.WithoutCancel(ctx))
			n, _ := fleet.Find("n1")
			return err == nil && n.Liveness == aim.Alive && n.BootID == machine.BootID(), nil
		}))
	})
	must(t, s.Aim(ctx, "simulate", "reboot", "--root", tree).Error())
	must(t, syscall.Kill(agent.PID, syscall.SIGKILL))
	must(t, s.Aim(ctx, "node", "drain", "n1").Error())
	fleet, err := s.Fleet(ctx)
	must(t, err)
	if n, _ := fleet.Find("n1"); n.Cordon != "" {
		t.Errorf("n1 is back and cordoned: %s", n.Cordon)
	}
}

// awaitDrain waits until the node's drain is as expected.
func awaitDrain(t *testing.T, ctx context.Context, s *stack.Stack, node string, ok func(workflows.DrainStatus) bool) {
	t.Helper()
	var d workflows.DrainStatus
	err := stack.Eventually(ctx, func() (bool, error) {
		v, err := s.Temporal().QueryWorkflow(ctx, workflows.DrainID(node), "", workflows.QueryDrain)
		if err != nil {
			return false, nil
		}
		d = workflows.DrainStatus{}
		return v.Get(&d) == nil && ok(d), nil
	})
	if err != nil {
		t.Fatalf("%v; the drain is %+v", err, d)
	}
}
