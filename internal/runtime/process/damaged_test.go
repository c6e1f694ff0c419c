package process_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
)

// damages are what is left of a file after a power cut or a full disk.
var damages = map[string]string{"empty": "", "half": `{"pid": 12`, "another": "\x00\x00\x00\x00", "a list": "[]"}

// A damaged record does not stop the agent from knowing its server: it is found
// among the processes, watched, stopped, and never started a second time.
func TestADamagedRecordOfARunningServer(t *testing.T) {
	for name, text := range damages {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			launch, rt := b.subject().Launch(t), b.open(t)
			first, err := rt.Start(t.Context(), launch)
			if err != nil {
				t.Fatal(err)
			}
			runtimetest.Ask(t, launch)
			b.damage(t, launch, "server.json", text)
			b.stillRuns(t, launch, first.ID)
		})
	}
}

// The same without the shim, whose command line tells the folder.
func TestADamagedRecordOfAnOrphan(t *testing.T) {
	b := newBench(t)
	launch, rt, _ := b.orphan(t)
	first, _, err := rt.Find(t.Context(), launch.Identity)
	if err != nil {
		t.Fatal(err)
	}
	b.damage(t, launch, "server.json", "")
	b.stillRuns(t, launch, first.ID)
}

// stillRuns checks that the server is known, waited for, and can be stopped.
func (b bench) stillRuns(t *testing.T, launch aim.Launch, id string) {
	t.Helper()
	rt := b.open(t)
	found, ok, err := rt.Find(t.Context(), launch.Identity)
	if err != nil || !ok || !found.Running || found.ID != id {
		t.Fatalf("found %+v, %v; want %s running", found, err, id)
	}
	if !exists(b.file(launch, "server.json.damaged")) || !exists(b.file(launch, "server.json")) {
		t.Error("the damaged file was not kept aside and written again")
	}
	if again, err := rt.Start(t.Context(), launch); err != nil || again.ID != id {
		t.Errorf("started again: %+v, %v", again, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := rt.Wait(ctx, launch.Identity); err != context.DeadlineExceeded {
		t.Errorf("wait: %v", err)
	}
	if err := rt.Stop(t.Context(), launch.Identity, runtimetest.Patience); err != nil {
		t.Fatal(err)
	}
	if found, _, err := rt.Find(t.Context(), launch.Identity); err != nil || found.Running || found.Exit == nil {
		t.Errorf("after its stop: %+v, %v", found, err)
	}
	if err := rt.Remove(t.Context(), launch.Identity); err != nil {
		t.Error(err)
	}
}

func (b bench) damage(t *testing.T, launch aim.Launch, file, text string) {
	t.Helper()
	if err := os.WriteFile(b.file(launch, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A server that is gone has ended, and is not started again, whatever is left of
// its record or of how it ended.
func TestDamagedFilesOfAnEndedServer(t *testing.T) {
	for _, files := range [][]string{{"server.json"}, {"exit.json"}, {"server.json", "exit.json"}} {
		t.Run(strings.Join(files, " and "), func(t *testing.T) {
			b := newBench(t)
			launch, rt := b.subject().Launch(t, "-exit", "3"), b.open(t)
			rt.Start(t.Context(), launch)
			if _, err := rt.Wait(t.Context(), launch.Identity); err != nil {
				t.Fatal(err)
			}
			if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil { // its shim is gone
				t.Fatal(err)
			}
			os.Remove(b.file(launch, "stop"))
			for _, file := range files {
				b.damage(t, launch, file, "{")
			}
			exit, err := rt.Wait(t.Context(), launch.Identity)
			if err != nil || exit.Code != -1 && exit.Code != 3 {
				t.Errorf("exit %+v, %v", exit, err)
			}
			if _, err := rt.Start(t.Context(), launch); aim.FailureOf(err) == nil || aim.FailureOf(err).Class != aim.ClassStart {
				t.Errorf("started again: %v", err)
			}
			if n := runtimetest.Starts(t, rt, launch.Identity); n != 1 {
				t.Errorf("started %d times", n)
			}
			if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// Without launch.json nobody knows what the server was to be, but by its name
// whose it is: it can be stopped.
func TestADamagedLaunchCanBeStopped(t *testing.T) {
	b := newBench(t)
	launch, rt := b.subject().Launch(t), b.open(t)
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Fatal(err)
	}
	pid := runtimetest.Ask(t, launch).PID
	b.damage(t, launch, "launch.json", "{")
	if list, err := rt.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("listed %+v, %v", list, err)
	}
	if found, ok, err := rt.Find(t.Context(), launch.Identity); err != nil || !ok || !found.Running {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := rt.Stop(t.Context(), launch.Identity, runtimetest.Patience); err != nil {
		t.Fatal(err)
	}
	if exists("/proc/" + strconv.Itoa(pid) + "/exe") {
		t.Error("it still runs")
	}
	if err := rt.Remove(t.Context(), launch.Identity); err != nil {
		t.Error(err)
	}
}
