package worker

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

// within bounds every wait for something that must happen.
const within = 30 * time.Second

// shared is the Temporal and NATS server that the tests work on, each with
// names of its own. Starting one takes a second.
var shared devserver

func TestMain(m *testing.M) {
	code := m.Run()
	shared.stop()
	os.Exit(code)
}

// devserver is a running aim-devserver.
type devserver struct {
	once  sync.Once
	err   error
	cmd   *exec.Cmd
	dir   string
	Ready struct {
		Temporal string `json:"temporal_address"`
		NATS     string `json:"nats_url"`
	}
}

// server is the shared one; a test is skipped where it has not been built.
func server(t *testing.T) *devserver {
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

func (d *devserver) start() error {
	bin := os.Getenv("AIM_BIN")
	if bin == "" {
		bin = filepath.Join("..", "bin")
	}
	program := filepath.Join(bin, "aim-devserver")
	if _, err := os.Stat(program); err != nil {
		return err
	}
	var err error
	if d.dir, err = os.MkdirTemp("", "aim-worker-test-"); err != nil {
		return err
	}
	ready := filepath.Join(d.dir, "ready.json")
	args := []string{"--ready-file", ready}
	for name, kind := range workflows.SearchAttributes() {
		args = append(args, "--search-attribute", name+"="+kind)
	}
	d.cmd = exec.Command(program, args...)
	if err := d.cmd.Start(); err != nil {
		return err
	}
	deadline := time.Now().Add(2 * within)
	for {
		text, err := os.ReadFile(ready)
		if err == nil {
			return json.Unmarshal(text, &d.Ready)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("aim-devserver did not get ready: %w", err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (d *devserver) stop() {
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(os.Interrupt)
		_ = d.cmd.Wait()
	}
	if d.dir != "" {
		_ = os.RemoveAll(d.dir)
	}
}

// connection is how a process reaches the server.
func (d *devserver) connection() settings.Connection {
	return settings.Connection{
		Temporal: settings.Temporal{Address: d.Ready.Temporal, Namespace: "default"},
		NATS:     settings.NATS{URL: d.Ready.NATS},
	}
}

// dial connects a plain client.
func (d *devserver) dial(t *testing.T) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: d.Ready.Temporal, Logger: sdklog.NewStructuredLogger(quiet())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// eventually waits until it is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}
