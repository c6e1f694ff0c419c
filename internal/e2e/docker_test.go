package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// needDocker skips where no daemon answers, and fails where one is required.
func needDocker(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		if os.Getenv("AIM_REQUIRE_DOCKER") != "" {
			t.Fatalf("AIM_REQUIRE_DOCKER is set, but Docker does not answer: %s", out)
		}
		t.Skipf("Docker does not answer: %s", out)
	}
}

// container is what `docker inspect` says of one.
type container struct {
	Name       string
	State      struct{ Running bool }
	Config     struct{ Labels map[string]string }
	HostConfig struct {
		Privileged  bool
		NetworkMode string
		CapDrop     []string
		SecurityOpt []string
		Devices     []struct{ PathInContainer string }
	}
}

// containers lists the containers of a deployment, ended ones too.
func containers(t *testing.T, name string) []container {
	t.Helper()
	ids, err := exec.Command("docker", "ps", "-aq", "--filter", "name=aim-"+name+"-").Output()
	must(t, err)
	if len(strings.TrimSpace(string(ids))) == 0 {
		return nil
	}
	out, err := exec.Command("docker", append([]string{"inspect"}, strings.Fields(string(ids))...)...).Output()
	must(t, err)
	var all []container
	must(t, json.Unmarshal(out, &all))
	return all
}

// Obligation: under Docker, a deployment is one container with exactly the GPUs
// of its claim and no more rights than it needs; no two containers share a
// render node; containers outlive the agent; stopping leaves none.
func TestDockerNode(t *testing.T) {
	needDocker(t)
	if os.Geteuid() != 0 {
		t.Skip("device nodes for the simulated GPUs need root")
	}
	ctx, s := scenario(t, 5*time.Minute)
	image, err := stack.BuildStandIn(ctx, bin(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = stack.RemoveImage(context.Background(), image) })
	node, err := s.StartAgent(ctx, "dock", 8, "docker", "19500-19599")
	must(t, err)
	t.Cleanup(func() { _ = node.Stop() }) // whichever of the two agents runs by then

	const replicas = 4
	for i := range replicas {
		wish := named(fmt.Sprintf("dock-%d", i), "")
		wish.Image, wish.Selector = image, map[string]string{"node": "dock"}
		apply(t, ctx, s, wish)
	}
	seen := map[string]string{}
	for i := range replicas {
		name := fmt.Sprintf("dock-%d", i)
		status := awaitReady(t, ctx, s, name)
		checkContainer(t, containers(t, name), status, seen)
	}

	// The agent dies; its containers go on, and the next agent finds them.
	must(t, node.Kill())
	node, err = s.StartAgent(ctx, "dock", 8, "docker", "19500-19599")
	must(t, err)
	must(t, stack.Eventually(ctx, func() (bool, error) {
		fleet, err := s.Fleet(ctx)
		if err != nil {
			return false, nil
		}
		n, ok := fleet.Find("dock")
		return ok && len(n.Endpoints) == replicas, nil
	}))
	for i := range replicas {
		name := fmt.Sprintf("dock-%d", i)
		must(t, stack.Stop(ctx, s.Temporal(), name))
		// A stop does not wait for a node that was away just then; the node follows.
		must(t, stack.Eventually(ctx, func() (bool, error) {
			return len(containers(t, name)) == 0 && len(claimsOf(t, s, name)) == 0, nil
		}))
	}
}

func checkContainer(t *testing.T, all []container, status aim.Status, seen map[string]string) {
	t.Helper()
	if len(all) != 1 || !all[0].State.Running {
		t.Fatalf("%s: containers %+v, want one running", status.Name, all)
	}
	c := all[0].HostConfig
	if c.Privileged || c.NetworkMode == "host" || !slices.Contains(c.CapDrop, "ALL") ||
		!slices.ContainsFunc(c.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
		t.Errorf("%s: too many rights: %+v", status.Name, c)
	}
	renders := 0
	for _, d := range c.Devices {
		if !strings.HasPrefix(filepath.Base(d.PathInContainer), "renderD") {
			continue
		}
		renders++
		if other, taken := seen[d.PathInContainer]; taken {
			t.Errorf("%s and %s share %s", other, status.Name, d.PathInContainer)
		}
		seen[d.PathInContainer] = status.Name
	}
	if renders != len(status.Replicas[0].GPUs) {
		t.Errorf("%s: %d render nodes for %d GPUs", status.Name, renders, len(status.Replicas[0].GPUs))
	}
}
