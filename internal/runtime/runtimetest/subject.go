package runtimetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// Patience bounds every wait in the tests: far more than a slow machine needs.
const Patience = 60 * time.Second

// Runtime is the port that the node uses, without the checks and images that
// differ from runtime to runtime.
type Runtime interface {
	Name() string
	Bind(address string, port int) (host string, listen int)
	Start(ctx context.Context, launch aim.Launch) (aim.Server, error)
	Find(ctx context.Context, id aim.Identity) (server aim.Server, ok bool, err error)
	List(ctx context.Context) ([]aim.Server, error)
	Wait(ctx context.Context, id aim.Identity) (aim.Exit, error)
	Stop(ctx context.Context, id aim.Identity, grace time.Duration) error
	Remove(ctx context.Context, id aim.Identity) error
	Logs(ctx context.Context, id aim.Identity, opts aim.LogOptions) (io.ReadCloser, error)
}

// Subject is a runtime under test.
type Subject struct {
	// Open makes the runtime over the same state at every call, as an agent does
	// that starts again.
	Open  func(t *testing.T) Runtime
	Image string // holds tiny; "" where there are no images
}

// BuildTiny builds the program tiny without cgo, so that it runs in an empty
// image too, and returns its path.
func BuildTiny(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tiny")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", program, "github.com/aim-engine/aim/internal/runtime/runtimetest/tiny")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build tiny: %v\n%s", err, out)
	}
	return program
}

// Launch describes a tiny server with a name and a port of its own. It is
// stopped and removed at the end of the test.
func (s Subject) Launch(t *testing.T, args ...string) aim.Launch {
	t.Helper()
	rt := s.Open(t)
	const address = "127.0.0.1"
	port := FreePort(t)
	host, listen := rt.Bind(address, port)
	launch := aim.Launch{
		Identity: aim.Identity{
			// The port makes names differ between tests that share a daemon.
			Deployment: fmt.Sprintf("tiny-%d", port), UID: "3f2b9c1e-77aa-4d6e-9b1f-000000000000",
			Attempt: 1, Token: "token-one", Namespace: "test",
		},
		Backend: "vllm", Image: s.Image, Model: "org/tiny", Task: "chat",
		Args:    append([]string{"-listen", fmt.Sprintf("%s:%d", host, listen)}, args...),
		Address: address, Port: port, Level: aim.LevelStrict,
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := rt.Stop(ctx, launch.Identity, 0); err != nil {
			t.Errorf("clean up: %v", err)
		}
		if err := rt.Remove(ctx, launch.Identity); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return launch
}

// FreePort is a TCP port of the loopback that nobody used a moment ago.
func FreePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// About is what a tiny server tells of itself.
type About struct {
	PID, Child, UID int
	Groups          []int
	Args, Env, Dev  []string
	Status          string
}

// Ask returns what the server tells of itself as soon as it answers.
func Ask(t *testing.T, launch aim.Launch) About {
	t.Helper()
	var about About
	Eventually(t, "an answer of "+launch.Server(), func() bool {
		resp, err := http.Get(fmt.Sprintf("http://%s:%d/", launch.Address, launch.Port))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(&about) == nil
	})
	return about
}

// Tell posts to the server and returns its answer.
func Tell(t *testing.T, launch aim.Launch, path string, form url.Values) string {
	t.Helper()
	Ask(t, launch) // it answers
	resp, err := http.PostForm(fmt.Sprintf("http://%s:%d%s", launch.Address, launch.Port, path), form)
	if err != nil {
		return err.Error() // it was told to end
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	return string(answer)
}

// Log reads a whole log.
func Log(t *testing.T, rt Runtime, id aim.Identity, opts aim.LogOptions) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	reader, err := rt.Logs(ctx, id, opts)
	if err != nil {
		t.Fatalf("log of %s: %v", id.Server(), err)
	}
	defer reader.Close()
	var text bytes.Buffer
	if _, err := io.Copy(&text, reader); err != nil {
		t.Fatalf("log of %s: %v", id.Server(), err)
	}
	return text.String()
}

// Starts counts how often the server has been started.
func Starts(t *testing.T, rt Runtime, id aim.Identity) int {
	t.Helper()
	count := 0
	for line := range strings.Lines(Log(t, rt, id, aim.LogOptions{})) {
		if strings.TrimSpace(line) == "started" {
			count++
		}
	}
	return count
}

// Eventually waits for a condition, and fails the test when it never holds.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
