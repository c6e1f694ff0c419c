package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// figure is one line of output.
type figure struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Against float64 `json:"against"`
}

// worst is, figure by figure, the worst of the results.
func worst(of []result) result {
	w := of[0]
	for _, r := range of[1:] {
		w.p50, w.p99 = max(w.p50, r.p50), max(w.p99, r.p99)
		w.perSecond = min(w.perSecond, r.perSecond)
		w.refused = max(w.refused, r.refused)
	}
	return w
}

// tell prints the figures of all contenders, one result each, against those of the
// first.
func tell(w io.Writer, of []result) error {
	out := json.NewEncoder(w)
	for i, r := range of {
		name, against := contenders[i].name, of[0]
		if i == 0 {
			against = result{} // nobody to measure ours against
		}
		for _, f := range []figure{
			{name + "_place_p50_us", us(r.p50), "us", us(against.p50)},
			{name + "_place_p99_us", us(r.p99), "us", us(against.p99)},
			{name + "_place_rate_k", r.perSecond / 1000, "thousand/s", against.perSecond / 1000},
		} {
			if err := out.Encode(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// table is written row by row: a large fleet takes minutes.
type table struct{ w io.Writer }

func newTable(w io.Writer) table {
	fmt.Fprintf(w, "%7s %6s %-5s %12s %12s %14s %9s\n", "nodes", "full", "", "p50", "p99", "decisions/s", "refused")
	return table{w}
}

func (t table) row(name string, nodes int, fill float64, r result) {
	fmt.Fprintf(t.w, "%7d %4.0f %% %-5s %9.1f us %9.1f us %14.0f %7.1f %%\n",
		nodes, 100*fill, name, us(r.p50), us(r.p99), r.perSecond, 100*r.refused)
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
