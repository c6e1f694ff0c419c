package compose

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/simulator"
)

// Obligation: the compose file, with the agent's profile, serves a deployment from a
// container beside the agent's; the server outlives down, and after up the next
// deployment is soon ready; the restart of any service loses nothing, and neither does a
// control of another image. The bounds are for a busy machine; the log has the times.
func TestCompose(t *testing.T) {
	c := newProject(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c.within(t, "from up to all started", 2*time.Minute, func() { c.compose(t, ctx, "up", "-d", "--no-build") })
	c.within(t, "from there to the first deployment ready", time.Minute, func() { c.deploy(t, ctx, "one") })
	first := c.server(t, "one")
	if out := c.aim(t, ctx, "doctor", "-o", "jsonl"); strings.Contains(out, `"bad"`) {
		t.Errorf("doctor says %s", out)
	}

	c.compose(t, ctx, "down")
	if now := c.server(t, "one"); now != first {
		t.Errorf("the server %s has become %q by down", first, now)
	}
	began := time.Now()
	c.compose(t, ctx, "up", "-d", "--no-build")
	t.Logf("up again after %s", time.Since(began).Round(10*time.Millisecond))
	c.within(t, "from up again to the next deployment ready", 30*time.Second, func() { c.deploy(t, ctx, "two") })
	if now := c.server(t, "one"); now != first {
		t.Errorf("the server %s has become %q by up", first, now)
	}

	for _, service := range []string{"control", "node", "nats", "temporal", "postgres"} {
		c.compose(t, ctx, "restart", service)
		c.aim(t, ctx, "setup", "--timeout", "1m") // waits for Temporal, and finds all there
		c.deploy(t, ctx, "after-"+service)
		c.aim(t, ctx, "stop", "after-"+service)
	}
	c.override(t, "aim/standin:compose") // the same program under another name: an upgrade
	c.compose(t, ctx, "up", "-d", "--no-build", "control")
	c.deploy(t, ctx, "upgraded")
	if now := c.server(t, "one"); now != first {
		t.Errorf("the server %s has become %q", first, now)
	}
	c.aim(t, ctx, "stop", "one", "two", "upgraded")
	if left := c.server(t, ""); left != "" {
		t.Errorf("left over: %s", left)
	}
}

// project is the compose file under a name, ports and a network of its own.
type project struct {
	bin, root, dir, name string
	ports                map[string]int
	hub                  string
	env                  []string
}

// newProject skips the test where no programs were built for it.
func newProject(t *testing.T) *project {
	bin := os.Getenv("AIM_COMPOSE")
	if bin == "" {
		t.Skip("it needs images and docker-compose: run make test-compose")
	}
	root, err := filepath.Abs("../../..")
	must(t, err)
	// Containers and the agent in one of them see the same paths.
	dir, err := os.MkdirTemp("/tmp", "aim-compose-")
	must(t, err)
	c := &project{bin: bin, root: root, dir: dir, name: filepath.Base(dir), ports: map[string]int{}}
	for _, service := range []string{"temporal", "temporal-ui", "nats", "control", "hub", "node"} {
		c.ports[service] = freePort(t)
	}
	c.env = append(os.Environ(), "AIM_DIR="+dir, fmt.Sprintf("TEMPORAL_ADDRESS=127.0.0.1:%d", c.ports["temporal"]),
		fmt.Sprintf("NATS_URL=nats://127.0.0.1:%d", c.ports["nats"]), "SUBNET=172.31.234.0/24", "TEMPORAL_IP=172.31.234.10")
	tree, err := simulator.CreateTree(filepath.Join(dir, "tree"), "composed", 8)
	must(t, err)
	reap, end := context.WithCancel(context.Background())
	go func() { _ = tree.Reap(reap) }()
	c.startHub(t)
	c.override(t, "aim-engine:local")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			out, _ := c.command(ctx, filepath.Join(c.bin, "docker-compose"), c.files("logs", "--tail", "30")...).CombinedOutput()
			t.Logf("%s", out)
		}
		_ = c.command(ctx, filepath.Join(c.bin, "docker-compose"), c.files("down", "-v", "--remove-orphans")...).Run()
		if ids := strings.Fields(c.server(t, "")); len(ids) > 0 {
			_ = exec.Command("docker", append([]string{"rm", "-f"}, ids...)...).Run()
		}
		end()
		_ = os.RemoveAll(dir)
	})
	return c
}

// startHub runs the stand-in of the hub of models.
func (c *project) startHub(t *testing.T) {
	cmd := c.command(context.Background(), filepath.Join(c.bin, "aim"), "simulate", "hub", "--addr", fmt.Sprintf("127.0.0.1:%d", c.ports["hub"]))
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	c.hub = fmt.Sprintf("http://127.0.0.1:%d", c.ports["hub"])
}

// override writes what is different here: ports that are free, and an agent on
// simulated GPUs, for which a machine without any has no devices.
func (c *project) override(t *testing.T, control string) {
	t.Helper()
	text := fmt.Sprintf(`
services:
  temporal: {ports: !override ["127.0.0.1:%d:7233"]}
  temporal-ui: {ports: !override ["127.0.0.1:%d:8233"]}
  nats: {ports: !override ["127.0.0.1:%d:4222"]}
  control: {image: %q, ports: !override ["127.0.0.1:%d:9470"]%s}
  node:
    devices: !reset []
    volumes: ["%s:%[7]s"]
    environment:
      AIM_NODE_ID: composed
      AIM_NODE_SYSFS: %[7]s/tree
      AIM_NODE_DEV: %[7]s/tree/dev
      AIM_NODE_SIMULATE_ROOT: %[7]s/tree
      AIM_NODE_DIR: %[7]s/node
      AIM_NODE_CACHE: %[7]s/cache
      AIM_NODE_PORTS: 19600-19699
      AIM_NODE_GRACE: 2s
      AIM_NODE_METRICS: 127.0.0.1:%d
      AIM_NODE_HUB_ENDPOINT: %s
`, c.ports["temporal"], c.ports["temporal-ui"], c.ports["nats"], control, c.ports["control"], entrypoint(control), c.dir, c.ports["node"], c.hub)
	must(t, os.WriteFile(filepath.Join(c.dir, "override.yml"), []byte(text), 0o644))
}

// entrypoint is the program where the image's own is another one.
func entrypoint(image string) string {
	if image == "aim-engine:local" {
		return ""
	}
	return `, entrypoint: ["/aim"]`
}

func (c *project) files(args ...string) []string {
	return append([]string{"-p", c.name, "-f", filepath.Join(c.root, "docker-compose.yml"), "-f", filepath.Join(c.dir, "override.yml"), "--profile", "node"}, args...)
}

func (c *project) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = c.env, c.root
	return cmd
}

func (c *project) compose(t *testing.T, ctx context.Context, args ...string) {
	t.Helper()
	if out, err := c.command(ctx, filepath.Join(c.bin, "docker-compose"), c.files(args...)...).CombinedOutput(); err != nil {
		t.Fatalf("docker-compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (c *project) aim(t *testing.T, ctx context.Context, args ...string) string {
	t.Helper()
	var out, said bytes.Buffer
	cmd := c.command(ctx, filepath.Join(c.bin, "aim"), args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && args[0] != "doctor" {
		t.Fatalf("aim %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), said.String())
	}
	return out.String()
}

// deploy waits until the model answers.
func (c *project) deploy(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	out := c.aim(t, ctx, "deploy", "Qwen/Qwen3-0.6B", "--name", name, "--image", "aim/standin:compose", "-o", "json")
	for _, word := range strings.FieldsFunc(out, func(r rune) bool { return strings.ContainsRune("\" \n,", r) }) {
		if strings.HasPrefix(word, "http://") {
			answer, err := http.Get(word + "/v1/models")
			must(t, err)
			answer.Body.Close()
			return
		}
	}
	t.Errorf("%s has no address: %s", name, out)
}

// server is the container of a deployment's server, "" = of all that the agent has started.
func (c *project) server(t *testing.T, name string) string {
	t.Helper()
	label := "aim.token"
	if name != "" {
		label = "aim.deployment=" + name
	}
	out, err := exec.Command("docker", "ps", "--quiet", "--no-trunc", "--filter", "ancestor=aim/standin:compose", "--filter", "label="+label).Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

func (c *project) within(t *testing.T, what string, most time.Duration, do func()) {
	t.Helper()
	began := time.Now()
	do()
	took := time.Since(began)
	t.Logf("%s: %s", what, took.Round(10*time.Millisecond))
	if took > most {
		t.Errorf("%s took %s, want at most %s", what, took.Round(10*time.Millisecond), most)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
