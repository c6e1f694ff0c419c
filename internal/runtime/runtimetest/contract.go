package runtimetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// Run runs all obligations, each against a subject of its own.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	for _, o := range []struct {
		name  string
		holds func(*testing.T, Subject)
	}{
		{"a started server runs, answers and is found", startedIsFound},
		{"arguments and environment arrive as they are", argumentsArrive},
		{"starting again finds the same server", startAgain},
		{"of many starters one starts the server", startersRace},
		{"another token does not get the name", nameIsTaken},
		{"an agent that starts again finds its servers", agentRestarts},
		{"waiting tells how the server ended", waitTellsExit},
		{"waiting ends with its context", waitHonoursContext},
		{"waiting for nobody ends at once", waitForNobody},
		{"an ended server is not started again", endedStaysEnded},
		{"stopping is graceful first", stopIsGraceful},
		{"stopping kills the deaf, and children too", stopKills},
		{"stopping nobody is no error", stopNobody},
		{"logs can be read whole and by their tail", logsAndTail},
		{"a followed log ends with the server", followEnds},
		{"a followed log ends with its reader", followIsCancelled},
		{"removing keeps the log", removeKeepsLog},
		{"a running server is not removed", runningIsNotRemoved},
		{"the log of nobody does not exist", logOfNobody},
	} {
		t.Run(o.name, func(t *testing.T) { o.holds(t, subject(t)) })
	}
}

func start(t *testing.T, rt Runtime, launch aim.Launch) aim.Server {
	t.Helper()
	server, err := rt.Start(t.Context(), launch)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return server
}

func wait(t *testing.T, rt Runtime, id aim.Identity) aim.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	exit, err := rt.Wait(ctx, id)
	if err != nil {
		t.Fatalf("wait: %v", err)
	}
	return exit
}

func find(t *testing.T, rt Runtime, id aim.Identity) (aim.Server, bool) {
	t.Helper()
	server, ok, err := rt.Find(t.Context(), id)
	if err != nil {
		t.Fatalf("find: %v", err)
	}
	return server, ok
}

func stop(t *testing.T, rt Runtime, id aim.Identity, grace time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := rt.Stop(ctx, id, grace); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

func startedIsFound(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	if _, ok := find(t, rt, launch.Identity); ok {
		t.Fatal("found before it was started")
	}
	started := start(t, rt, launch)
	Ask(t, launch)
	found, ok := find(t, rt, launch.Identity)
	if !ok || !found.Running || found.Exit != nil {
		t.Fatalf("found %v, %+v", ok, found)
	}
	if found.Identity != launch.Identity || found.Name != launch.Server() || found.Runtime != rt.Name() || found.ID == "" ||
		found.ID != started.ID || found.Backend != launch.Backend || found.Model != launch.Model || found.Task != launch.Task ||
		found.Address != launch.Address || found.Port != launch.Port || found.Started.IsZero() {
		t.Errorf("found %+v for %+v", found, launch)
	}
	listed, err := rt.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(listed, func(l aim.Server) bool { return l.ID == found.ID && l.Running }) {
		t.Errorf("list %+v lacks %s", listed, found.ID)
	}
	other := launch.Identity
	other.Token = "token-two"
	if _, ok := find(t, rt, other); ok {
		t.Error("found under another token")
	}
}

func argumentsArrive(t *testing.T, s Subject) {
	odd := []string{"--", "two words", `"quotes'`, "$(touch x) `id` ; &", "", "ünïcode\n\ttab"}
	rt, launch := s.Open(t), s.Launch(t, odd...)
	launch.Env = map[string]string{"ODD": "a=b 'c' $d\n", "EMPTY": ""}
	launch.SecretEnv = map[string]string{"TINY_KEY": "s3cret"}
	start(t, rt, launch)
	about := Ask(t, launch)
	if !slices.Equal(about.Args, launch.Args) {
		t.Errorf("arguments %q, want %q", about.Args, launch.Args)
	}
	for _, pair := range []string{"ODD=a=b 'c' $d\n", "EMPTY=", "TINY_KEY=s3cret"} {
		if !slices.Contains(about.Env, pair) {
			t.Errorf("environment lacks %q: %q", pair, about.Env)
		}
	}
}

func startAgain(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	first, second := start(t, rt, launch), start(t, rt, launch)
	if first.ID != second.ID {
		t.Errorf("started %s, then %s", first.ID, second.ID)
	}
	Ask(t, launch)
	if n := Starts(t, rt, launch.Identity); n != 1 {
		t.Errorf("started %d times", n)
	}
}

func startersRace(t *testing.T, s Subject) {
	launch := s.Launch(t)
	const starters = 6
	servers, errs := make([]aim.Server, starters), make([]error, starters)
	var all sync.WaitGroup
	for i := range starters {
		rt := s.Open(t)
		all.Go(func() { servers[i], errs[i] = rt.Start(t.Context(), launch) })
	}
	all.Wait()
	for i := range starters {
		if errs[i] != nil || servers[i].ID != servers[0].ID || !servers[i].Running {
			t.Errorf("starter %d: %+v, %v; the first: %s", i, servers[i], errs[i], servers[0].ID)
		}
	}
	Ask(t, launch)
	if n := Starts(t, s.Open(t), launch.Identity); n != 1 {
		t.Errorf("started %d times", n)
	}
}

func nameIsTaken(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	first := start(t, rt, launch)
	other := launch
	other.Token = "token-two"
	_, err := rt.Start(t.Context(), other)
	var fail *aim.Failure
	if !errors.As(err, &fail) {
		t.Fatalf("started under a taken name: %v", err)
	}
	// What holds for the name must not be done to its owner.
	stop(t, rt, other.Identity, 0)
	if err := rt.Remove(t.Context(), other.Identity); err != nil {
		t.Error(err)
	}
	if found, ok := find(t, rt, launch.Identity); !ok || !found.Running || found.ID != first.ID {
		t.Errorf("the owner of the name is %v, %+v", ok, found)
	}
}

func agentRestarts(t *testing.T, s Subject) {
	launch := s.Launch(t)
	first := start(t, s.Open(t), launch)
	Ask(t, launch)
	later := s.Open(t)
	if found, ok := find(t, later, launch.Identity); !ok || !found.Running || found.ID != first.ID {
		t.Fatalf("found %v, %+v", ok, found)
	}
	if again := start(t, later, launch); again.ID != first.ID {
		t.Errorf("started %s again as %s", first.ID, again.ID)
	}
	stop(t, later, launch.Identity, Patience)
	if exit := wait(t, later, launch.Identity); exit.Code != 0 {
		t.Errorf("exit %+v", exit)
	}
}
