package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aim-engine/aim/bench/figure"
)

// Every engine keeps what it has placed, refuses what does not fit, and gives
// back what ended: what is measured are decisions, on both sides.
func TestEnginesCount(t *testing.T) {
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			e, err := c.make(2)
			if err != nil {
				t.Fatal(err)
			}
			defer e.close()
			for number, step := range []struct {
				gpus   int
				placed bool
				after  int // the number of the request that ends before, 0 = none
			}{
				{gpus: 8, placed: true},
				{gpus: 8, placed: true},
				{gpus: 1, placed: false},
				{gpus: 4, placed: true, after: 1},
				{gpus: 8, placed: false},
				{gpus: 4, placed: true},
				{gpus: 1, placed: false},
			} {
				if step.after > 0 {
					if err := e.end(request{step.after, perNode}); err != nil {
						t.Fatal(err)
					}
				}
				took, placed, err := e.place(request{number + 1, step.gpus})
				if err != nil || placed != step.placed || took <= 0 {
					t.Fatalf("request %d for %d GPUs: placed %v in %v, %v; want placed %v", number+1, step.gpus, placed, took, err, step.placed)
				}
			}
		})
	}
}

// Rounds keep as much of the fleet taken as they are told, and the output has
// every figure, the peer's against ours.
func TestRun(t *testing.T) {
	e, err := newOurs(20)
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(e, 20)
	if _, err := f.decide(0.95, 200); err != nil {
		t.Fatal(err)
	}
	if f.used < 152-perNode || f.used > 152+perNode {
		t.Errorf("%d of 160 GPUs are taken, want about 152", f.used)
	}
	var out strings.Builder
	if err := run("20", 100, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	values := map[string]figure.Figure{}
	for d := json.NewDecoder(strings.NewReader(out.String())); d.More(); {
		var g figure.Figure
		if err := d.Decode(&g); err != nil {
			t.Fatal(err)
		}
		values[g.Name] = g
	}
	for _, name := range []string{"place_p50_us", "place_p99_us", "place_rate_k"} {
		ours, theirs := values["aim_"+name], values["kube_"+name]
		if ours.Value <= 0 || theirs.Value <= 0 || theirs.Against != ours.Value {
			t.Errorf("%s: ours %+v, theirs %+v", name, ours, theirs)
		}
	}
}
