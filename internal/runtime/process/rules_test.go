package process_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/process"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
	"github.com/aim-engine/aim/internal/settings"
)

func TestSecretsAreNotOnDisk(t *testing.T) {
	b := newBench(t)
	launch, rt := b.subject().Launch(t), b.open(t)
	launch.SecretEnv = map[string]string{"TINY_KEY": "canary-5d1f"}
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Fatal(err)
	}
	runtimetest.Ask(t, launch)
	files := 0
	err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("canary-5d1f")) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

func TestAnotherBootEndsTheServer(t *testing.T) {
	b := newBench(t)
	launch, rt, _ := b.orphan(t)
	path := b.file(launch, "server.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(data, &record); err != nil {
		t.Fatal(err)
	}
	boot := record["boot_id"]
	put := func(id any) {
		record["boot_id"] = id
		data, _ := json.Marshal(record)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("00000000-0000-0000-0000-000000000000")
	defer put(boot) // so that the real server is stopped
	exit, err := rt.Wait(t.Context(), launch.Identity)
	if err != nil || exit.Code != -1 || !strings.Contains(exit.Message, "restarted") {
		t.Errorf("exit %+v, %v", exit, err)
	}
	_, err = rt.Start(t.Context(), launch)
	if fail := aim.FailureOf(err); fail == nil || fail.Class != aim.ClassStart {
		t.Errorf("started again: %v", err)
	}
	if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
		t.Error(err)
	}
	runtimetest.Ask(t, launch) // whoever has the pid after a reboot is not touched
}

func TestReusedPIDIsNotTheServer(t *testing.T) {
	b := newBench(t)
	launch, rt, _ := b.orphan(t)
	path := b.file(launch, "server.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	older := bytes.Replace(data, []byte(`"start_time": `), []byte(`"start_time": 1`), 1)
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(path, data, 0o600)
	if server, ok, err := rt.Find(t.Context(), launch.Identity); err != nil || !ok || server.Running {
		t.Errorf("found %+v, %v", server, err)
	}
	if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
		t.Error(err)
	}
	runtimetest.Ask(t, launch) // a stranger with the same pid is not touched
}

func TestStopBeforeTheServerHasStarted(t *testing.T) {
	b := newBench(t)
	launch := b.subject().Launch(t)
	agent := b.startAgent(t, launch)
	b.await(launch, "the launch is written")
	agent.Process.Kill()
	agent.Wait()
	rt := b.open(t)
	if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
		t.Fatal(err)
	}
	_, err := rt.Start(t.Context(), launch)
	var fail *aim.Failure
	if !errors.As(err, &fail) {
		t.Fatalf("started after it had been stopped: %v", err)
	}
	b.awaitShims(t, launch)
	if server, ok, err := rt.Find(t.Context(), launch.Identity); err != nil || !ok || server.Running {
		t.Errorf("found %v, %+v, %v", ok, server, err)
	}
}

func TestProgramIsMissing(t *testing.T) {
	dir := t.TempDir()
	rt, err := process.New(settings.Node{Dir: dir, Commands: map[string][]string{"vllm": {"/nowhere/vllm", "serve"}}}, process.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"check": rt.Check(t.Context()),
		"start": func() error {
			_, err := rt.Start(t.Context(), aim.Launch{Identity: aim.Identity{Deployment: "a", UID: "u"}, Backend: "vllm"})
			return err
		}(),
		"no such backend": func() error {
			_, err := rt.Start(t.Context(), aim.Launch{Identity: aim.Identity{Deployment: "b", UID: "u"}, Backend: "tgi"})
			return err
		}(),
	} {
		fail := aim.FailureOf(err)
		if fail == nil || fail.Class != aim.ClassRuntime || fail.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProgramThatCannotRun(t *testing.T) {
	b := newBench(t)
	b.tiny = filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(b.tiny, []byte{0}, 0o700); err != nil {
		t.Fatal(err)
	}
	launch, rt := b.subject().Launch(t), b.open(t)
	_, err := rt.Start(t.Context(), launch)
	if fail := aim.FailureOf(err); fail != nil && fail.Class != aim.ClassStart {
		t.Fatal(err)
	}
	if exit, err := rt.Wait(t.Context(), launch.Identity); err != nil || exit.Code != 127 {
		t.Errorf("exit %+v, %v", exit, err)
	}
	if log := runtimetest.Log(t, rt, launch.Identity, aim.LogOptions{}); !strings.Contains(log, "cannot run") {
		t.Errorf("log %q", log)
	}
}

func TestOldLogsAreDropped(t *testing.T) {
	b := newBench(t)
	rt, err := process.New(settings.Node{Dir: b.dir, Commands: map[string][]string{"vllm": {b.tiny}}, ServerUser: "0"}, process.Options{KeepLogs: 2})
	if err != nil {
		t.Fatal(err)
	}
	var launches []aim.Launch
	for range 4 {
		launch := b.subject().Launch(t, "-exit", "0")
		launches = append(launches, launch)
		rt.Start(t.Context(), launch)
		if _, err := rt.Wait(t.Context(), launch.Identity); err != nil {
			t.Fatal(err)
		}
		if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
			t.Fatal(err)
		}
		if err := rt.Remove(t.Context(), launch.Identity); err != nil {
			t.Fatal(err)
		}
	}
	var kept []bool
	for _, l := range launches {
		kept = append(kept, exists(b.file(l, "server.log")))
	}
	if !slices.Equal(kept, []bool{false, false, true, true}) {
		t.Errorf("kept %v", kept)
	}
}
