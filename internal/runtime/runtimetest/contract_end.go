package runtimetest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

func waitTellsExit(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	start(t, rt, launch)
	exits := make(chan aim.Exit, 1)
	go func() {
		exit, err := rt.Wait(t.Context(), launch.Identity)
		if err != nil {
			exit.Message = err.Error()
		}
		exits <- exit
	}()
	Ask(t, launch)
	select {
	case exit := <-exits:
		t.Fatalf("ended while it was running: %+v", exit)
	default:
	}
	Tell(t, launch, "/exit", url.Values{"code": {"7"}})
	if exit := <-exits; exit.Code != 7 {
		t.Errorf("exit %+v", exit)
	}
	if exit := wait(t, rt, launch.Identity); exit.Code != 7 {
		t.Errorf("asked again: exit %+v", exit)
	}
	found, ok := find(t, rt, launch.Identity)
	if !ok || found.Running || found.Exit == nil || found.Exit.Code != 7 {
		t.Errorf("found %v, %+v", ok, found)
	}
}

func waitHonoursContext(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	start(t, rt, launch)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rt.Wait(ctx, launch.Identity); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
	if found, _ := find(t, rt, launch.Identity); !found.Running {
		t.Error("the server ended with the wait")
	}
}

func waitForNobody(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	if exit := wait(t, rt, launch.Identity); exit.Code != -1 || exit.Message == "" {
		t.Errorf("exit %+v", exit)
	}
}

func endedStaysEnded(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t, "-exit", "3")
	_, err := rt.Start(t.Context(), launch) // may see the end already, or not
	if fail := aim.FailureOf(err); fail != nil && fail.Class != aim.ClassStart {
		t.Fatalf("first start: %v", err)
	}
	if exit := wait(t, rt, launch.Identity); exit.Code != 3 {
		t.Fatalf("exit %+v", exit)
	}
	_, err = rt.Start(t.Context(), launch)
	fail := aim.FailureOf(err)
	if fail == nil || fail.Class != aim.ClassStart || !strings.Contains(fail.Why, "3") {
		t.Errorf("second start: %v", err)
	}
	if n := Starts(t, rt, launch.Identity); n != 1 {
		t.Errorf("started %d times", n)
	}
}

func stopIsGraceful(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	start(t, rt, launch)
	Ask(t, launch)
	stop(t, rt, launch.Identity, Patience)
	if exit := wait(t, rt, launch.Identity); exit.Code != 0 {
		t.Errorf("exit %+v", exit)
	}
	if log := Log(t, rt, launch.Identity, aim.LogOptions{}); !strings.Contains(log, "terminated") {
		t.Errorf("log %q", log)
	}
	stop(t, rt, launch.Identity, Patience)
}

func stopKills(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t, "-deaf", "-child")
	start(t, rt, launch)
	if about := Ask(t, launch); about.Child == 0 {
		t.Fatal("no child")
	}
	stop(t, rt, launch.Identity, time.Second)
	if exit := wait(t, rt, launch.Identity); exit.Code != 137 {
		t.Errorf("exit %+v", exit)
	}
	if found, _ := find(t, rt, launch.Identity); found.Running {
		t.Error("still running")
	}
}

func stopNobody(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	stop(t, rt, launch.Identity, Patience)
	if err := rt.Remove(t.Context(), launch.Identity); err != nil {
		t.Error(err)
	}
}

func runningIsNotRemoved(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	start(t, rt, launch)
	if err := rt.Remove(t.Context(), launch.Identity); err == nil {
		t.Error("a running server was removed")
	}
	Ask(t, launch)
	if found, _ := find(t, rt, launch.Identity); !found.Running {
		t.Error("no longer running")
	}
}
