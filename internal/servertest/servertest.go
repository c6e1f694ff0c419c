// Package servertest gives tests a real Temporal and NATS server: an aim-devserver,
// one for all tests of a package, each with names of its own.
//
//	func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		s := servertest.Get(t) // or the test is skipped, where none has been built
//		c := s.Dial(t)
//	}
package servertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/workflows"
)

// Within bounds every wait for something that must happen.
const Within = 30 * time.Second

// shared is the one server of the test binary. Starting one takes a second.
var shared Server

// Main runs the tests and ends the server after them.
func Main(m *testing.M) int {
	defer shared.stop()
	return m.Run()
}

// Server is a running aim-devserver, with the search attributes of workflows.
type Server struct {
	once  sync.Once
	err   error
	cmd   *exec.Cmd
	dir   string
	ready struct {
		Temporal string `json:"temporal_address"`
		NATS     string `json:"nats_url"`
	}
}

// Get is the shared server; the test is skipped where it has not been built.
func Get(t *testing.T) *Server {
	t.Helper()
	shared.once.Do(func() { shared.err = shared.start() })
	if errors.Is(shared.err, fs.ErrNotExist) {
		t.Skipf("it needs aim-devserver: run `make build` first (%v)", shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return &shared
}

// program is aim-devserver in $AIM_BIN, or in bin of this checkout.
func program() (string, error) {
	bin := os.Getenv("AIM_BIN")
	for dir, up := ".", 0; bin == "" && up < 5; dir, up = filepath.Join("..", dir), up+1 {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			bin = filepath.Join(dir, "bin")
		}
	}
	path := filepath.Join(bin, "aim-devserver")
	_, err := os.Stat(path)
	return path, err
}

func (s *Server) start() error {
	path, err := program()
	if err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "aim-server-test-"); err != nil {
		return err
	}
	ready := filepath.Join(s.dir, "ready.json")
	args := []string{"--ready-file", ready}
	for name, kind := range workflows.SearchAttributes() {
		args = append(args, "--search-attribute", name+"="+kind)
	}
	s.cmd = exec.Command(path, args...)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(2 * Within)
	for {
		text, err := os.ReadFile(ready)
		if err == nil {
			return json.Unmarshal(text, &s.ready)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("aim-devserver did not get ready: %w", err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (s *Server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(os.Interrupt)
		_ = s.cmd.Wait()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// Connection is how a process reaches the server.
func (s *Server) Connection() settings.Connection {
	return settings.Connection{
		Temporal: settings.Temporal{Address: s.ready.Temporal, Namespace: "default"},
		NATS:     settings.NATS{URL: s.ready.NATS},
	}
}

// Dial connects a plain client.
func (s *Server) Dial(t *testing.T) client.Client {
	t.Helper()
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.ready.Temporal, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Begin starts a workflow that no worker takes up: it stays open until it is ended,
// at the latest with the test. It returns its run id.
func Begin(t *testing.T, c client.Client, id, kind string, change func(*client.StartWorkflowOptions)) string {
	t.Helper()
	o := client.StartWorkflowOptions{ID: id, TaskQueue: "nobody"}
	if change != nil {
		change(&o)
	}
	run, err := c.ExecuteWorkflow(t.Context(), o, kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.TerminateWorkflow(context.Background(), id, "", "the test has ended") })
	return run.GetRunID()
}

// End terminates a workflow.
func End(t *testing.T, c client.Client, id string) {
	t.Helper()
	if err := c.TerminateWorkflow(t.Context(), id, "", "for the test"); err != nil {
		t.Fatal(err)
	}
}

// Eventually waits until it is true.
func Eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Within)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", Within, what)
		case <-tick.C:
		}
	}
}
