package devserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim/devserver"
)

// asCommand makes the test binary be aim-devserver, so that the tests that need
// a process of its own do not link the server twice.
const asCommand = "AIM_DEVSERVER_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(devserver.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

const (
	// readyWithin is for a machine that compiles something else meanwhile.
	readyWithin = time.Minute
	endsWithin  = 30 * time.Second
)

// process is a running aim-devserver.
type process struct {
	devserver.Ready
	t      testing.TB
	cmd    *exec.Cmd
	stderr *safeBuffer
	ended  chan struct{} // closed when cmd has ended
}

// launch starts aim-devserver and does not wait for it to serve.
func launch(t testing.TB, args ...string) (p *process, stdout io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	p = &process{t: t, cmd: cmd, stderr: &safeBuffer{}, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
	// A pipe of our own: exec's is closed by Wait, maybe before it is read.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the exit code is read from ProcessState
	}()
	t.Cleanup(func() {
		p.kill()
		r.Close()
		if t.Failed() {
			t.Logf("stderr of aim-devserver %q:\n%s", args, p.stderr)
		}
	})
	return p, r
}

// serve starts aim-devserver and returns when it has printed its Ready.
func serve(t testing.TB, args ...string) *process {
	t.Helper()
	p, stdout := launch(t, args...)
	line := make(chan error, 1)
	go func() { line <- json.NewDecoder(stdout).Decode(&p.Ready) }()
	select {
	case err := <-line:
		if err != nil {
			t.Fatalf("aim-devserver %q printed no Ready: %v", args, err)
		}
	case <-time.After(readyWithin):
		t.Fatalf("aim-devserver %q did not serve within %s", args, readyWithin)
	}
	return p
}

// refused runs aim-devserver, which must end by itself, and returns its exit
// code and stderr.
func refused(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	p, _ := launch(t, args...)
	return p.wait(), p.stderr.String()
}

// stop interrupts the process as a supervisor would and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	return p.wait()
}

// kill leaves the process no time for anything.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.ended
}

func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(endsWithin):
		p.t.Fatalf("aim-devserver did not end within %s", endsWithin)
		return -1
	}
}

// safeBuffer can be read while the process writes to it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// readReady reads a ready file.
func readReady(t *testing.T, path string) devserver.Ready {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r devserver.Ready
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	return r
}

// eventually waits until f returns nil and fails with its last error otherwise.
func eventually(t *testing.T, within time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", within, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
