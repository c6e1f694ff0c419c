package main

import (
	"fmt"
	"io"
	"time"

	"github.com/aim-engine/aim/bench/figure"
)

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
	for i, r := range of {
		name, against := contenders[i].name, of[0]
		if i == 0 {
			against = result{} // nobody to measure ours against
		}
		for _, f := range []figure.Figure{
			{Name: name + "_place_p50_us", Value: us(r.p50), Unit: "us", Against: us(against.p50)},
			{Name: name + "_place_p99_us", Value: us(r.p99), Unit: "us", Against: us(against.p99)},
			{Name: name + "_place_rate_k", Value: r.perSecond / 1000, Unit: "thousand/s", Against: against.perSecond / 1000},
		} {
			if err := f.Tell(w); err != nil {
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
