package display_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
)

func number(v float64) *float64 { return &v }

// liveFleet is two nodes, one of which tells what it does.
func liveFleet() aim.Fleet {
	id := aim.Identity{Deployment: "chat", UID: "0123456789", Ordinal: 0, Attempt: 1}
	other := aim.Identity{Deployment: "embed", UID: "0123456789", Ordinal: 1, Attempt: 1}
	return aim.Fleet{Nodes: []aim.FleetNode{
		{Node: aim.Node{ID: "n1", Detection: aim.Detection{GPUs: []aim.GPU{{ID: "GPU-1"}, {ID: "GPU-2"}}},
			Endpoints: []aim.Endpoint{{Identity: id, Model: "acme/Chat", Healthy: true}}},
			Live: &aim.LiveNode{
				Servers: map[string]aim.Live{id.Server(): {Running: number(3), Waiting: number(1), TokensOut: number(120), KVUse: number(0.42), FirstP95: number(0.25)}},
				GPUs:    map[string]aim.LiveGPU{"GPU-1": {Busy: number(0.97), PowerW: number(612), VRAMBytes: number(100 << 30)}},
			}},
		{Node: aim.Node{ID: "n2", Endpoints: []aim.Endpoint{{Identity: other, Model: "acme/Embed", Healthy: false}}}},
	}}
}

func top(s display.Screen) string {
	var b bytes.Buffer
	display.Top(display.New(&b, display.Never), liveFleet(), s)
	return b.String()
}

func TestTop(t *testing.T) {
	for view, want := range map[string][]string{
		"replicas": {"chat/0", "n1", "120", "42 %", "250 ms", "embed/1"},
		"models":   {"acme/Chat", "1/1", "acme/Embed", "0/1"},
		"nodes":    {"n1", "97 %", "612 W", "100.0 GiB"},
		"gpus":     {"GPU-1", "612 W", "GPU-2", "-"},
	} {
		text := top(display.Screen{View: view})
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", view, w, text)
			}
		}
		for _, line := range strings.Split(text, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: a line of %d columns", view, len([]rune(line)))
			}
		}
	}
}

func TestTopSortsAndFilters(t *testing.T) {
	first := func(text string) string { return strings.Fields(strings.Split(text, "\n")[1])[0] }
	if by := first(top(display.Screen{View: "replicas", Sort: 4})); by != "chat/0" {
		t.Errorf("by tokens: %s first", by)
	}
	if text := top(display.Screen{View: "replicas", Filter: "EMBED"}); strings.Contains(text, "chat/0") || !strings.Contains(text, "embed/1") {
		t.Errorf("filtered:\n%s", text)
	}
	if text := top(display.Screen{View: "gpus", Height: 1}); !strings.Contains(text, "2 more") {
		t.Errorf("one line:\n%s", text)
	}
	for sort := range 30 { // whatever the key is pressed
		top(display.Screen{View: "models", Sort: sort})
	}
}

// What is not known is told as such, and never as a zero.
func TestLoadOfNothing(t *testing.T) {
	if got := display.Load(nil, &aim.Live{}); got != "" {
		t.Errorf("%q", got)
	}
	if got := display.Load(&aim.Live{Running: number(2), TokensOut: number(33)}, nil); got != "2 running, 33 tok/s" {
		t.Errorf("%q", got)
	}
}
