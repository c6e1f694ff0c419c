package process_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/process"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
	"github.com/aim-engine/aim/internal/settings"
)

// open lets everybody reach what a test has made.
func openTo(t *testing.T, path string) {
	t.Helper()
	for ; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run servers as somebody else")
	}
}

func TestServersOfARootAgentAreNotRoot(t *testing.T) {
	asRoot(t)
	b := newBench(t)
	openTo(t, b.tiny)
	rt, err := process.New(settings.Node{Dir: b.dir, Commands: map[string][]string{"vllm": {b.tiny}}}, process.Options{})
	if err != nil {
		t.Fatal(err)
	}
	subject := runtimetest.Subject{Open: func(*testing.T) runtimetest.Runtime { return rt }}
	t.Setenv("AGENTS_OWN", "canary")
	launch := subject.Launch(t)
	launch.SecretEnv = map[string]string{"TINY_KEY": "s3cret"}
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Fatal(err)
	}
	about := runtimetest.Ask(t, launch)
	if about.UID != 65532 || len(about.Groups) > 1 {
		t.Errorf("user %d, groups %v", about.UID, about.Groups)
	}
	for _, want := range []string{"NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532"} {
		if !strings.Contains(about.Status, want) {
			t.Errorf("status lacks %q:\n%s", want, about.Status)
		}
	}
	home := ""
	for _, pair := range about.Env {
		if value, ok := strings.CutPrefix(pair, "HOME="); ok {
			home = value
		}
		if strings.HasPrefix(pair, "AGENTS_OWN=") {
			t.Error("it has the environment of the agent")
		}
	}
	if !slices.Contains(about.Env, "TINY_KEY=s3cret") {
		t.Error("it lacks its secret")
	}
	if info, err := os.Stat(home); err != nil || info.Mode().Perm() != 0o700 || home == os.Getenv("HOME") {
		t.Errorf("home %q: %v", home, err)
	}
	if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
		t.Fatal(err)
	}
	if err := rt.Remove(t.Context(), launch.Identity); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(home); !os.IsNotExist(err) {
		t.Errorf("its home is left: %v", err)
	}
}

// An agent that the kernel spares must not have it spare what it starts.
func TestServersDoNotInheritTheAgentsProtection(t *testing.T) {
	asRoot(t)
	const own = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(own)
	if err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(own, []byte("-500"), 0); err != nil {
		t.Skipf("not allowed here: %v", err)
	}
	defer os.WriteFile(own, before, 0)
	b := newBench(t)
	launch, rt := b.subject().Launch(t), b.open(t)
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Fatal(err)
	}
	about := runtimetest.Ask(t, launch)
	score, err := os.ReadFile("/proc/" + strconv.Itoa(about.PID) + "/oom_score_adj")
	if err != nil || strings.TrimSpace(string(score)) != "0" {
		t.Errorf("oom_score_adj of the server is %q, %v", score, err)
	}
}

// What the server's user cannot open is told before anything is started, with
// the folder that is closed.
func TestWhatTheUserCannotOpenIsTold(t *testing.T) {
	asRoot(t)
	b := newBench(t)
	openTo(t, b.tiny)
	closed := t.TempDir()
	openTo(t, closed)
	weights := filepath.Join(closed, "private", "weights")
	if err := os.MkdirAll(weights, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(weights), 0o700); err != nil {
		t.Fatal(err)
	}
	rt, err := process.New(settings.Node{Dir: b.dir, Commands: map[string][]string{"vllm": {b.tiny}}, ServerUser: "65533:65533"}, process.Options{})
	if err != nil {
		t.Fatal(err)
	}
	launch := b.subject().Launch(t)
	launch.Mounts = []aim.Mount{{Source: weights, Target: weights, ReadOnly: true}}
	_, err = rt.Start(t.Context(), launch)
	fail := aim.FailureOf(err)
	if fail == nil || fail.Class != aim.ClassRuntime || !strings.Contains(fail.Text(), filepath.Dir(weights)+" is closed") || !strings.Contains(fail.Text(), "node.server_user") {
		t.Fatalf("start: %v", err)
	}
}

func TestUsersThatAreNone(t *testing.T) {
	asRoot(t)
	for _, user := range []string{"no-such-user-here", "1:x", "-5", "99999999999"} {
		if _, err := process.New(settings.Node{Dir: t.TempDir(), ServerUser: user}, process.Options{}); err == nil || !strings.Contains(err.Error(), "servers cannot run") {
			t.Errorf("%s: %v", user, err)
		}
	}
}

func TestArgumentsNameNoFilesOfTheNode(t *testing.T) {
	b := newBench(t)
	rt := b.open(t)
	launch := b.subject().Launch(t, "--chat-template", "/etc/shadow")
	_, err := rt.Start(t.Context(), launch)
	if fail := aim.FailureOf(err); fail == nil || fail.Class != aim.ClassInput || !strings.Contains(fail.Why, "/etc/shadow") {
		t.Errorf("start: %v", err)
	}
	if _, ok, err := rt.Find(t.Context(), launch.Identity); ok || err != nil {
		t.Errorf("something is left: %v, %v", ok, err)
	}
}
