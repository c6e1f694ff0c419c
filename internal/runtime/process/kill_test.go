package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/process"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
)

// startAgent starts an agent process that starts the launch.
func (b bench) startAgent(t *testing.T, launch aim.Launch) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(order{Dir: b.dir, Tiny: b.tiny, Launch: launch, Secret: launch.SecretEnv})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "agent", string(text))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func (b bench) file(launch aim.Launch, name string) string {
	return filepath.Join(b.dir, "servers", launch.Server(), name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// shims lists the pids of the processes that are a shim (or its gate) of the
// folder.
func (b bench) shims(launch aim.Launch) []int {
	var pids []int
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	want := []byte("\x00shim\x00" + filepath.Join(b.dir, "servers", launch.Server()) + "\x00")
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.HasSuffix(line, want) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		pids = append(pids, pid)
	}
	return pids
}

func (b bench) killShims(launch aim.Launch) {
	for _, pid := range b.shims(launch) {
		unix.Kill(pid, unix.SIGKILL)
	}
}

// awaitShims waits until no shim of the folder is left. The kernel takes the
// command line from a dying process before it closes its files, so a shim that
// is no longer listed may hold the lock for a moment more.
func (b bench) awaitShims(t *testing.T, launch aim.Launch) {
	t.Helper()
	runtimetest.Eventually(t, "the end of the shims", func() bool {
		return len(b.shims(launch)) == 0 && !held(t, b.file(launch, "lock"))
	})
}

func held(t *testing.T, lock string) bool {
	t.Helper()
	file, err := os.OpenFile(lock, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	query := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &query); err != nil {
		t.Fatal(err)
	}
	return query.Type != unix.F_UNLCK
}

const lastStep = "the server has printed"

// The steps of a start that can be seen from outside, in their order.
func (b bench) steps(launch aim.Launch) map[string]func() bool {
	return map[string]func() bool{
		"the folder is made":     func() bool { return exists(filepath.Dir(b.file(launch, "lock"))) },
		"the launch is written":  func() bool { return exists(b.file(launch, "launch.json")) },
		"the log is open":        func() bool { return exists(b.file(launch, "server.log")) },
		"a shim is there":        func() bool { return len(b.shims(launch)) > 0 },
		"the gate is there":      func() bool { return len(b.shims(launch)) > 1 },
		"the server is recorded": func() bool { return exists(b.file(launch, "server.json")) },
		lastStep:                 func() bool { log, _ := os.ReadFile(b.file(launch, "server.log")); return len(log) > 0 },
	}
}

func TestKilledAgentLeavesOneServer(t *testing.T) {
	tiny := runtimetest.BuildTiny(t)
	for name := range (bench{}).steps(aim.Launch{}) {
		t.Run("killed when "+name, func(t *testing.T) {
			b := bench{dir: t.TempDir(), tiny: tiny}
			launch := b.subject().Launch(t)
			launch.SecretEnv = map[string]string{"TINY_KEY": "s3cret"}
			agent := b.startAgent(t, launch)
			b.await(launch, name)
			agent.Process.Kill()
			agent.Wait()

			rt := b.open(t)
			server, err := rt.Start(t.Context(), launch)
			if err != nil || !server.Running {
				t.Fatalf("start after the kill: %+v, %v", server, err)
			}
			about := runtimetest.Ask(t, launch)
			if id := strconv.Itoa(about.PID) + "@"; !strings.HasPrefix(server.ID, id) {
				t.Errorf("the server that answers is %d, the one that was found %s", about.PID, server.ID)
			}
			if n := runtimetest.Starts(t, rt, launch.Identity); n != 1 {
				t.Errorf("started %d times", n)
			}
		})
	}
}

// await waits for a step of the start. Some are so short that they may be
// missed; then the last one will do.
func (b bench) await(launch aim.Launch, step string) {
	steps := b.steps(launch)
	deadline := time.Now().Add(runtimetest.Patience)
	for !steps[step]() && !steps[lastStep]() && time.Now().Before(deadline) {
		time.Sleep(200 * time.Microsecond)
	}
}

func TestKilledShimNeverLeadsToTwoServers(t *testing.T) {
	tiny := runtimetest.BuildTiny(t)
	for _, name := range []string{"a shim is there", "the gate is there", "the server is recorded", lastStep} {
		t.Run("killed when "+name, func(t *testing.T) {
			b := bench{dir: t.TempDir(), tiny: tiny}
			launch := b.subject().Launch(t)
			agent := b.startAgent(t, launch)
			b.await(launch, name)
			agent.Process.Kill()
			b.killShims(launch)
			agent.Wait()

			rt := b.open(t)
			server, err := rt.Start(t.Context(), launch)
			if fail := aim.FailureOf(err); fail != nil && fail.Class != aim.ClassStart {
				t.Fatalf("start after the kill: %v", err)
			}
			// A server that had been recorded but not let go has spent its
			// attempt without a word, and the kill of a gate may hit the
			// server that it has just become. Any other one runs.
			var answers bool
			runtimetest.Eventually(t, "a server that runs or has ended", func() bool {
				found, _, err := rt.Find(t.Context(), launch.Identity)
				answers = answer(launch)
				return err == nil && (answers || found.Exit != nil)
			})
			n := runtimetest.Starts(t, rt, launch.Identity)
			if found, _, _ := rt.Find(t.Context(), launch.Identity); n > 1 || (answers && n == 0) || found.Running != answers {
				t.Errorf("started %d times, answers %v, found %+v after %+v", n, answers, found, server)
			}
		})
	}
}

func answer(launch aim.Launch) bool {
	conn, err := net.Dial("tcp", net.JoinHostPort(launch.Address, strconv.Itoa(launch.Port)))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func TestRacingAgentsStartOneServer(t *testing.T) {
	b := newBench(t)
	launch := b.subject().Launch(t)
	var agents []*exec.Cmd
	for range 4 {
		agents = append(agents, b.startAgent(t, launch))
	}
	for _, a := range agents {
		if err := a.Wait(); err != nil {
			t.Errorf("agent: %v", err)
		}
	}
	runtimetest.Ask(t, launch)
	if n := runtimetest.Starts(t, b.open(t), launch.Identity); n != 1 {
		t.Errorf("started %d times", n)
	}
}

// orphan starts a server and kills its shim once the server answers.
func (b bench) orphan(t *testing.T, args ...string) (aim.Launch, *process.Runtime, runtimetest.About) {
	t.Helper()
	launch, rt := b.subject().Launch(t, args...), b.open(t)
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Fatal(err)
	}
	about := runtimetest.Ask(t, launch)
	b.killShims(launch)
	b.awaitShims(t, launch)
	return launch, rt, about
}

func TestServerOutlivesItsShim(t *testing.T) {
	launch, rt, about := newBench(t).orphan(t)
	server, ok, err := rt.Find(t.Context(), launch.Identity)
	if err != nil || !ok || !server.Running || !strings.HasPrefix(server.ID, strconv.Itoa(about.PID)+"@") {
		t.Fatalf("found %v, %+v, %v", ok, server, err)
	}
	if again, err := rt.Start(t.Context(), launch); err != nil || again.ID != server.ID {
		t.Fatalf("started again: %+v, %v", again, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if exit, err := rt.Wait(ctx, launch.Identity); err == nil {
		t.Fatalf("waited for a running server: %+v", exit)
	}
	if err := rt.Remove(t.Context(), launch.Identity); err == nil {
		t.Error("a running server was removed")
	}
	if err := rt.Stop(t.Context(), launch.Identity, runtimetest.Patience); err != nil {
		t.Fatal(err)
	}
	exit, err := rt.Wait(t.Context(), launch.Identity)
	if err != nil || exit.Code != -1 || exit.Message == "" {
		t.Errorf("exit %+v, %v", exit, err)
	}
	if log := runtimetest.Log(t, rt, launch.Identity, aim.LogOptions{}); !strings.Contains(log, "terminated") {
		t.Errorf("it was not asked to end: log %q", log)
	}
}

func TestStopWithoutShimKillsChildrenToo(t *testing.T) {
	launch, rt, about := newBench(t).orphan(t, "-deaf", "-child")
	if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{about.PID, about.Child} {
		if running(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
}

func TestServersEndTakesItsChildrenAlong(t *testing.T) {
	b := newBench(t)
	launch, rt := b.subject().Launch(t, "-child"), b.open(t)
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Fatal(err)
	}
	about := runtimetest.Ask(t, launch)
	unix.Kill(about.PID, unix.SIGKILL)
	exit, err := rt.Wait(t.Context(), launch.Identity)
	if err != nil || exit.Code != 137 || !strings.Contains(exit.Message, "SIGKILL") {
		t.Errorf("exit %+v, %v", exit, err)
	}
	runtimetest.Eventually(t, "the end of the child", func() bool { return !running(about.Child) })
	b.awaitShims(t, launch)
}

// running tells whether a process exists and is not a zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}
