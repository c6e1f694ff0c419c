// The bench of traces measures how well placement uses a fleet, beside
// published policies on the same arrivals:
//
//	make bench-trace NODES=nodes.csv PODS=pods.csv SEEDS=10
//
// Each point is one JSON line on stdout, and a table with means and spread is on
// stderr. The points of the trace are GPU allocation at a percentage of arrived
// demand; those of the loads of LLM serving are the GPU demand accepted while
// requests come and go. Without a trace it takes a small synthetic one, which
// shows that all works and nothing about quality.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aim-engine/aim/bench/replay"
)

// point is one line of output. Of a load, "at" is the offered load and
// alloc_pct is what was accepted of the GPU demand.
type point struct {
	Trace    string  `json:"trace"`
	Policy   string  `json:"policy"`
	Ours     bool    `json:"ours"`
	Seed     int64   `json:"seed"`
	At       float64 `json:"at"`
	Alloc    float64 `json:"alloc_pct"`
	Rejected float64 `json:"whole_node_rejected_pct,omitempty"` // of a load: requests for eight GPUs
	Moves    float64 `json:"moves_per_1000,omitempty"`          // of a load: requests
}

// moves is how many placed tasks may be moved for one that does not fit.
const moves = 4

// firstSeed and the percentages of arrived demand are those of the published
// runs.
const firstSeed = 42

var percents = []int{80, 90, 95, 100, 130}

// options are what to measure.
type options struct {
	nodes, pods string
	seeds       int
	churn       bool
	parallel    int
	policies    string
}

func main() {
	var o options
	flag.StringVar(&o.nodes, "nodes", "", "CSV file of the trace's nodes; none: a synthetic sample")
	flag.StringVar(&o.pods, "pods", "", "CSV file of the trace's pods")
	flag.IntVar(&o.seeds, "seeds", 10, "how many orders of arrival")
	flag.BoolVar(&o.churn, "churn", true, "also offer the loads of LLM serving")
	flag.IntVar(&o.parallel, "parallel", 2, "how many runs at a time")
	flag.StringVar(&o.policies, "policies", "", "only these, separated by commas")
	flag.Parse()
	if err := run(o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-trace:", err)
		os.Exit(1)
	}
}

func run(o options, stdout, stderr io.Writer) error {
	still, moving, err := choose(o.policies)
	if err != nil {
		return err
	}
	if o.nodes == "" || o.pods == "" {
		fmt.Fprintln(stderr, "no trace given (NODES=FILE PODS=FILE): the synthetic sample is replayed")
	}
	trace, name, err := open(o.nodes, o.pods)
	if err != nil {
		return err
	}
	jobs := replays(trace, name, still, o.seeds)
	if o.churn {
		jobs = append(jobs, churns(slices.Concat(still, moving), o.seeds)...)
	}
	table := newTable()
	out := json.NewEncoder(stdout)
	for _, points := range inOrder(jobs, o.parallel) {
		for _, p := range <-points {
			if err := out.Encode(p); err != nil {
				return fmt.Errorf("write a point: %w", err)
			}
			table.add(p)
		}
	}
	return table.print(stderr)
}

// choose is the policies of these names, all where none is named: those that
// place and leave alone, and those that make sense only where tasks leave again.
func choose(names string) (still, moving []replay.Policy, err error) {
	still = append(replay.Rivals(), replay.Ours())
	moving = []replay.Policy{replay.OursMoving(moves), replay.IdealPool()}
	if names == "" {
		return still, moving, nil
	}
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(slices.Concat(still, moving), func(p replay.Policy) bool { return p.Name == name }) {
			return nil, nil, fmt.Errorf("no policy %q: there are %s", name, list(slices.Concat(still, moving)))
		}
	}
	unwanted := func(p replay.Policy) bool { return !slices.Contains(wanted, p.Name) }
	return slices.DeleteFunc(still, unwanted), slices.DeleteFunc(moving, unwanted), nil
}

func list(all []replay.Policy) string {
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// open reads the trace, if there is one, and names it after its file of pods.
func open(nodes, pods string) (replay.Trace, string, error) {
	if nodes == "" || pods == "" {
		t, err := replay.Sample()
		return t, "sample", err
	}
	t, err := replay.Read(nodes, pods)
	name := strings.TrimSuffix(filepath.Base(pods), filepath.Ext(pods))
	return t, strings.TrimPrefix(name, "openb_pod_list_"), err
}

// job is one run. It gives a few points.
type job func() []point

func replays(t replay.Trace, name string, policies []replay.Policy, seeds int) []job {
	var jobs []job
	for _, p := range policies {
		for i := range seeds {
			jobs = append(jobs, func() []point { return replayed(t, name, p, firstSeed+int64(i)) })
		}
	}
	return jobs
}

func churns(policies []replay.Policy, seeds int) []job {
	var jobs []job
	for _, load := range []replay.Load{replay.MixA(), replay.MixB()} {
		for _, p := range policies {
			for i := range seeds {
				jobs = append(jobs, func() []point { return churned(load, p, firstSeed+int64(i)) })
			}
		}
	}
	return jobs
}

func replayed(t replay.Trace, name string, p replay.Policy, seed int64) []point {
	curve := replay.Replay(t, seed, p)
	var points []point
	for _, percent := range percents {
		points = append(points, point{
			Trace: name, Policy: p.Name, Ours: p.Ours, Seed: seed, At: float64(percent), Alloc: round(curve.At(percent)),
		})
	}
	return points
}

func churned(load replay.Load, p replay.Policy, seed int64) []point {
	a := replay.Churn(load, seed, p)
	return []point{{
		Trace: load.Name, Policy: p.Name, Ours: p.Ours, Seed: seed, At: 100 * load.Rho,
		Alloc: round(a.GPU), Rejected: round(a.Rejected), Moves: round(a.Moves),
	}}
}

// round keeps four digits: more is noise.
func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// inOrder runs the jobs, so many at a time, and gives a channel for the result
// of each, in their order.
func inOrder(jobs []job, parallel int) []chan []point {
	results := make([]chan []point, len(jobs))
	for i := range results {
		results[i] = make(chan []point, 1)
	}
	var next atomic.Int64
	for range max(parallel, 1) {
		go func() {
			for i := next.Add(1) - 1; int(i) < len(jobs); i = next.Add(1) - 1 {
				results[i] <- jobs[i]()
			}
		}()
	}
	return results
}
