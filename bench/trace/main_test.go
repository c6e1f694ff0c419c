package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestEveryPointIsALine: a policy, a seed and a percentage give one line each,
// and the table tells their mean.
func TestEveryPointIsALine(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if err := run(options{seeds: 2, parallel: 2, policies: "fgd,ours"}, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	sum, lines := 0.0, 0
	for in := bufio.NewScanner(&stdout); in.Scan(); lines++ {
		var p point
		if err := json.Unmarshal(in.Bytes(), &p); err != nil {
			t.Fatalf("%s: %v", in.Text(), err)
		}
		if p.Ours != (p.Policy == "ours") || p.Alloc <= 0 || p.Alloc > 100 {
			t.Errorf("%s: not a sound point", in.Text())
		}
		if p.Ours && p.At == 130 {
			sum += p.Alloc
		}
	}
	if want := 2 * 2 * len(percents); lines != want {
		t.Errorf("%d lines, want %d", lines, want)
	}
	if mean := fmt.Sprintf("%.2f ±", sum/2); !strings.Contains(stderr.String(), mean) {
		t.Errorf("the table does not tell ours at 130, %s:\n%s", mean, &stderr)
	}
}

func TestRunRefuses(t *testing.T) {
	for name, o := range map[string]options{
		`no policy "fdg": there are random, best-fit`: {policies: "fdg"},
		"read the nodes of a trace":                   {nodes: "no/such.csv", pods: "no/such.csv"},
	} {
		err := run(o, &bytes.Buffer{}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v, want %q", o, err, name)
		}
	}
}

func TestMeanAndSpread(t *testing.T) {
	if mean, spread := meanAndSpread([]float64{1, 2, 3}); mean != 2 || spread != 1 {
		t.Errorf("mean %v, spread %v of 1, 2, 3", mean, spread)
	}
	if mean, spread := meanAndSpread([]float64{5}); mean != 5 || spread != 0 {
		t.Errorf("mean %v, spread %v of 5 alone", mean, spread)
	}
}
