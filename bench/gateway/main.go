// The bench of the gateway measures the real program beside nginx, both on one
// core, with clients and servers on another:
//
//	clients ──► aim gateway run │ nginx │ plain splice ──► 16 servers
//	(core 1)                 (core 0)                       (core 1)
//
// CPU is what the scheduler of the kernel counts for the process, the least of
// several rounds that alternate; so a busy machine does not matter. It prints one
// JSON line a figure on stdout, and exits 0 even where one is missed. What
// cannot be measured here has the value null and a reason.
//
//	make bench-gateway
//	make bench-gateway ARGS="-only gateway_cpu_vs_nginx,gateway_stream_kib"
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim/bench/figure"
)

// aim is a figure to reach.
type aimed struct {
	name, unit string
	against    float64
}

// group measures figures that share a set-up.
type group struct {
	figures []aimed
	run     func(ctx context.Context, b *bench) (map[string]float64, error)
}

type bench struct {
	bin string
	dir string // of this group
}

var groups = []group{
	{[]aimed{{"gateway_cpu_vs_nginx", "ratio", 2.5}}, benchRequests},
	{[]aimed{{"gateway_token_cpu_vs_nginx", "ratio", 1.5}}, benchTokens},
	{[]aimed{{"gateway_added_p99_ms", "ms", 0.3}}, benchLatency},
	{[]aimed{{"gateway_prompt220k_ratio", "ratio", 2.5}}, benchPrompts},
	{[]aimed{{"gateway_stream_kib", "KiB", 60}}, benchStreams},
	{[]aimed{{"gateway_truncated_as_complete", "streams", 0}}, benchTruncated},
	{[]aimed{{"gateway_kill_failed", "requests", 0}}, benchKill},
	{[]aimed{{"gateway_tpm_overshoot", "requests", 1}, {"gateway_tpm_used_pct", "%", 90}}, benchTokensAMinute},
	{[]aimed{{"gateway_health_ms", "ms", 50}}, benchHealth},
}

func main() {
	bin := flag.String("bin", "bin", "folder of the binaries")
	only := flag.String("only", "", "figures to measure, separated by commas; all by default")
	flag.Parse()
	if role := os.Getenv(roleVariable); role != "" {
		if err := act(role, flag.Args()); err != nil {
			note("%s: %v", role, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 19*time.Minute)
	defer cancel()
	if err := pinSelf(); err != nil {
		note("not pinned to cores: %v", err)
	}
	wanted := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	for _, g := range groups {
		if len(wanted) > 0 && !slices.ContainsFunc(g.figures, func(f aimed) bool { return slices.Contains(wanted, f.name) }) {
			continue
		}
		if err := measure(ctx, g, *bin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// measure prints the figures of a group; the error is one of this machine.
func measure(ctx context.Context, g group, bin string) error {
	dir, err := os.MkdirTemp("", "aim-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	values, err := g.run(ctx, &bench{bin: bin, dir: dir})
	for _, f := range g.figures {
		if v, ok := values[f.name]; ok && err == nil {
			err = figure.Figure{Name: f.name, Value: v, Unit: f.unit, Against: f.against}.Tell(os.Stdout)
			continue
		}
		why := "not measured"
		if err != nil {
			why = err.Error()
		}
		if err := (figure.Missing{Name: f.name, Unit: f.unit, Against: f.against, Why: why}).Tell(os.Stdout); err != nil {
			return err
		}
	}
	note("%s: %.0f s", g.figures[0].name, time.Since(began).Seconds())
	runtime.GC() // what a group has left is not the next one's
	return nil
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// median of the values, which are sorted in place.
func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
