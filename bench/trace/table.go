package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// table gathers points into means over the seeds.
type table struct {
	rows  []row // in order of the first point
	cells map[cell][]float64
	ats   map[string][]float64 // columns, by trace
}

type row struct{ trace, policy string }

type cell struct {
	row
	at float64
}

func newTable() *table { return &table{cells: map[cell][]float64{}, ats: map[string][]float64{}} }

func (t *table) add(p point) {
	r := row{p.Trace, p.Policy}
	c := cell{r, p.At}
	if !slices.Contains(t.rows, r) {
		t.rows = append(t.rows, r)
	}
	if !slices.Contains(t.ats[p.Trace], p.At) {
		t.ats[p.Trace] = append(t.ats[p.Trace], p.At)
	}
	t.cells[c] = append(t.cells[c], p.Alloc)
}

// print writes a table for each trace: a mean over the seeds, then the standard
// deviation.
func (t *table) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	last := ""
	for _, r := range t.rows {
		if r.trace != last {
			last = r.trace
			fmt.Fprintf(tw, "\n%s, %% of GPU demand at\t", r.trace)
			for _, at := range t.ats[r.trace] {
				fmt.Fprintf(tw, "%g\t", at)
			}
			fmt.Fprintln(tw)
		}
		fmt.Fprintf(tw, "%s\t", r.policy)
		for _, at := range t.ats[r.trace] {
			mean, spread := meanAndSpread(t.cells[cell{r, at}])
			fmt.Fprintf(tw, "%.2f ±%.2f\t", mean, spread)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

func meanAndSpread(values []float64) (mean, spread float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		spread += (v - mean) * (v - mean)
	}
	if len(values) < 2 {
		return mean, 0
	}
	return mean, math.Sqrt(spread / float64(len(values)-1))
}
