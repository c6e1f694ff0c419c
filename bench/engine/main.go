// The bench measures the program and prints one JSON line a figure on stdout:
//
//	{"name":"deploy_overhead_ratio","value":1.21,"unit":"ratio","against":1.5}
//
// "against" is the figure to reach. Ratios compare two ways inside one run, so
// that a slow machine does not matter; absolute figures are the least of
// several runs. Progress goes to stderr. It exits 0 even where a figure is
// missed, and says on stderr what could not be measured and why.
//
//	make bench
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim/bench/figure"
)

// group measures figures that share a set-up.
type group struct {
	name    string
	figures []string
	run     func(ctx context.Context, b *bench) error
}

type bench struct {
	bin string
	dir string
}

var groups = []group{
	{"command line", []string{"cli_help_ms"}, benchHelp},
	{"memory when idle", []string{"node_rss_mib", "control_rss_mib"}, benchMemory},
	{"placement", []string{"place_p50_us", "place_p99_us", "place_growth", "place_rate_k"}, benchPlacing},
	{"placement of gangs", []string{"gang_us"}, benchGang},
	{"fleet changes", []string{"fleet_apply_us"}, benchApply},
	{"fleet in memory", []string{"fleet_10k_mib"}, benchFleetMemory},
	{"waking", []string{"wake_10k_us"}, benchWake},
	{"detection", []string{"detect_spx_ms", "detect_partitions_ms"}, benchDetect},
	{"claims", []string{"claim_p50_ms"}, benchClaim},
	{"plan of many recipes", []string{"plan_10k_ms"}, benchPlan},
	{"ladder", []string{"ladder_us"}, benchLadder},
	{"configurations of real models", []string{"config_accuracy_pct"}, benchConfigs},
	{"weights", []string{"fetch_vs_curl_ratio"}, benchFetch},
	{"inventory", []string{"inventory_10k_core_pct", "inventory_10k_stale_p99_ms", "inventory_50k_core_pct", "inventory_50k_stale_p99_ms"}, benchInventory},
	{"liveness", []string{"agent_kill_known_p99_ms", "agent_hang_known_ms"}, benchLiveness},
	{"one deployment at a time", []string{"deploy_overhead_ratio"}, benchOverhead},
	{"Docker", []string{"deploy_vs_docker_ratio"}, benchDocker},
	{"a hundred at once", []string{"deploy_rate_ratio"}, benchRate},
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
	dir, err := os.MkdirTemp("", "aim-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Minute)
	defer cancel()
	wanted := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	for _, g := range groups {
		if len(wanted) > 0 && !slices.ContainsFunc(g.figures, func(f string) bool { return slices.Contains(wanted, f) }) {
			continue
		}
		began := time.Now()
		if err := g.run(ctx, &bench{bin: *bin, dir: dir}); err != nil {
			note("%s: not measured: %v", g.name, err)
			continue
		}
		note("%s: measured in %.0f s", g.name, time.Since(began).Seconds())
	}
}

// tell prints a figure.
func tell(name string, value float64, unit string, against float64) {
	_ = figure.Figure{Name: name, Value: value, Unit: unit, Against: against}.Tell(os.Stdout)
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// median of the times, which are sorted in place.
func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
