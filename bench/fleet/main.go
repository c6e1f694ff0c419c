// The bench of a fleet measures what a fleet and its users see: whether answers are
// true, how soon a loss is known, what many deployments cost. It prints one JSON line
// a figure on stdout, and exits 0 even where one is missed. What cannot be measured
// here has the value null and a reason.
//
//	make bench-fleet
//	make bench-fleet ARGS="-only plan_agrees_pct"
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aim-engine/aim/bench/figure"
)

type bench struct {
	bin  string // folder of the binaries
	dir  string // for state
	seed uint64
}

// within is how long the whole may take.
const within = 19 * time.Minute

func main() {
	var b bench
	flag.StringVar(&b.bin, "bin", "bin", "folder of the binaries")
	flag.Uint64Var(&b.seed, "seed", 1, "of the random situations")
	only := flag.String("only", "", "figures to measure, separated by commas; all by default")
	flag.Parse()
	dir, err := os.MkdirTemp("", "aim-bench-fleet-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	figure.Measure(ctx, []figure.Group{
		{Goals: []figure.Goal{{Name: "plan_agrees_pct", Unit: "%", Against: 100}, {Name: "cure_suffices_pct", Unit: "%", Against: 100}}, Run: b.truth},
		{Goals: []figure.Goal{{Name: "node_loss_detect_s", Unit: "s", Against: 3}, {Name: "node_cut_detect_s", Unit: "s", Against: 10},
			{Name: "dead_told_ready_s", Unit: "s", Against: 0.7}, {Name: "status_lag_p99_ms", Unit: "ms", Against: 500}}, Run: b.loss},
		{Goals: []figure.Goal{{Name: "ps_1000_ms", Unit: "ms", Against: 500}}, Run: b.ps},
		{Goals: []figure.Goal{{Name: "engine_polls_per_node", Unit: "polls", Against: 1}, {Name: "engine_idle_rps", Unit: "requests/s", Against: 6}}, Run: b.idle},
	}, *only, os.Stdout, os.Stderr)
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
