package runtimetest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

func logsAndTail(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t, "-lines", "5000", "-exit", "0")
	_, err := rt.Start(t.Context(), launch)
	if fail := aim.FailureOf(err); fail != nil && fail.Class != aim.ClassStart {
		t.Fatal(err)
	}
	wait(t, rt, launch.Identity)
	var want strings.Builder
	want.WriteString("started\n")
	for i := range 5000 {
		want.WriteString("line " + strconv.Itoa(i+1) + "\n")
	}
	if log := Log(t, rt, launch.Identity, aim.LogOptions{}); log != want.String() {
		t.Errorf("whole log has %d bytes, want %d", len(log), want.Len())
	}
	if log := Log(t, rt, launch.Identity, aim.LogOptions{Tail: 2, Follow: true}); log != "line 4999\nline 5000\n" {
		t.Errorf("tail %q", log)
	}
	if log := Log(t, rt, launch.Identity, aim.LogOptions{Tail: 9999}); log != want.String() {
		t.Errorf("a longer tail than the log has %d bytes, want %d", len(log), want.Len())
	}
}

func followEnds(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	start(t, rt, launch)
	logs := make(chan string, 1)
	go func() {
		reader, err := rt.Logs(t.Context(), launch.Identity, aim.LogOptions{Follow: true})
		if err != nil {
			logs <- err.Error()
			return
		}
		defer reader.Close()
		text, _ := io.ReadAll(reader)
		logs <- string(text)
	}()
	Tell(t, launch, "/say", url.Values{"line": {"while followed"}})
	stop(t, rt, launch.Identity, Patience)
	if log := <-logs; log != "started\nwhile followed\nterminated\n" {
		t.Errorf("followed %q", log)
	}
}

func followIsCancelled(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	start(t, rt, launch)
	Ask(t, launch)
	ctx, cancel := context.WithCancel(t.Context())
	reader, err := rt.Logs(ctx, launch.Identity, aim.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := io.ReadFull(reader, make([]byte, len("started\n"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(reader); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if found, _ := find(t, rt, launch.Identity); !found.Running {
		t.Error("the server ended with the reader")
	}
}

func removeKeepsLog(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t, "-lines", "3")
	start(t, rt, launch)
	Ask(t, launch)
	stop(t, rt, launch.Identity, Patience)
	before := Log(t, rt, launch.Identity, aim.LogOptions{})
	for range 2 { // removing twice is no error
		if err := rt.Remove(t.Context(), launch.Identity); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := find(t, rt, launch.Identity); ok {
		t.Error("still found")
	}
	if after := Log(t, rt, launch.Identity, aim.LogOptions{Follow: true}); after != before || !strings.Contains(after, "line 3") {
		t.Errorf("log %q, before %q", after, before)
	}
	if tail := Log(t, rt, launch.Identity, aim.LogOptions{Tail: 2}); tail != "line 3\nterminated\n" {
		t.Errorf("tail %q", tail)
	}
}

func logOfNobody(t *testing.T, s Subject) {
	rt, launch := s.Open(t), s.Launch(t)
	if _, err := rt.Logs(t.Context(), launch.Identity, aim.LogOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("logs: %v", err)
	}
}
