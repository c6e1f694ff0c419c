package docker

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
	"github.com/aim-engine/aim/internal/settings"
)

// What an agent leaves that is killed between creating and starting.
func TestCreatedContainerIsStarted(t *testing.T) {
	d := newDaemon(t)
	launch, rt := d.subject().Launch(t), d.open(t)
	c, err := rt.obtain(t.Context(), launch)
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := rt.Find(t.Context(), launch.Identity)
	if err != nil || !ok || s.Running || s.Exit != nil {
		t.Errorf("created: %v, %+v, %v", ok, s, err)
	}
	if exit, err := rt.Wait(t.Context(), launch.Identity); err != nil || exit.Code != -1 {
		t.Errorf("exit of one never started: %+v, %v", exit, err)
	}
	s, err = rt.Start(t.Context(), launch)
	if err != nil || s.ID != c.ID || !s.Running {
		t.Errorf("started: %+v, %v", s, err)
	}
	runtimetest.Ask(t, launch)
}

func TestTakenPort(t *testing.T) {
	d := newDaemon(t)
	launch, rt := d.subject().Launch(t), d.open(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(launch.Address, strconv.Itoa(launch.Port)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.Start(t.Context(), launch)
	listener.Close()
	if fail := aim.FailureOf(err); fail == nil || fail.Class != aim.ClassPort {
		t.Fatalf("start: %v", err)
	}
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Errorf("start once the port is free: %v", err)
	}
}

func TestStartFailures(t *testing.T) {
	d := newDaemon(t)
	for name, c := range map[string]struct {
		class  aim.FailureClass
		change func(*aim.Launch)
	}{
		"no such image":   {aim.ClassImage, func(l *aim.Launch) { l.Image = "aim-test/nothing:here" }},
		"no such program": {aim.ClassStart, func(l *aim.Launch) { l.Entrypoint = []string{"vllm", "serve"} }},
		"no such folder": {aim.ClassRuntime, func(l *aim.Launch) {
			l.Mounts = []aim.Mount{{Source: filepath.Join(t.TempDir(), "not-there"), Target: "/m"}}
		}},
		"not an address": {aim.ClassInput, func(l *aim.Launch) { l.Address = "node1" }},
		"not ours":       {aim.ClassInput, func(l *aim.Launch) { l.Address = "192.0.2.7" }},
	} {
		t.Run(name, func(t *testing.T) {
			launch := d.subject().Launch(t)
			c.change(&launch)
			_, err := d.open(t).Start(t.Context(), launch)
			if fail := aim.FailureOf(err); fail == nil || fail.Class != c.class {
				t.Errorf("start: %v, want class %s", err, c.class)
			}
		})
	}
}

func TestCheckWithoutDaemon(t *testing.T) {
	rt, err := New(settings.Node{DockerHost: "unix:///nowhere/docker.sock", Dir: t.TempDir()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	fail := aim.FailureOf(rt.Check(t.Context()))
	if fail == nil || fail.Class != aim.ClassRuntime || fail.Hint == "" {
		t.Errorf("check: %v", fail)
	}
	if _, err := rt.List(t.Context()); aim.FailureOf(err).Class != aim.ClassRuntime {
		t.Errorf("list: %v", err)
	}
	if _, err := New(settings.Node{}, Options{}); err == nil {
		t.Error("made without a folder")
	}
}

func TestSavedLogsArePruned(t *testing.T) {
	d := newDaemon(t)
	d.opts.KeepLogs = 2
	rt := d.open(t)
	for range 4 {
		launch := d.subject().Launch(t)
		if _, err := rt.obtain(t.Context(), launch); err != nil {
			t.Fatal(err)
		}
		if err := rt.Remove(t.Context(), launch.Identity); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := filepath.Glob(filepath.Join(d.cfg.Dir, "logs", "*"))
	if err != nil || len(logs) != 2 {
		t.Errorf("logs %v, %v", logs, err)
	}
	for _, log := range logs {
		if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", log, info, err)
		}
	}
}
