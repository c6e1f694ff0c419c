package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// contender is an engine to compare.
type contender struct {
	name  string
	make  func(nodes int) (engine, error)
	times int // as many decisions: a round is to last through the machine's hiccups
}

// contenders have ours first: the others are told against it.
var contenders = []contender{
	{"aim", newOurs, 20},
	{"kube", newKube, 1},
}

// fills are how much of the fleet is taken while decisions are measured.
var fills = []float64{0.50, 0.95}

func main() {
	sizes := flag.String("nodes", "1000,10000", "nodes of the fleets, separated by commas")
	decisions := flag.Int("decisions", 1000, "how many decisions of a peer a round has")
	flag.Parse()
	if err := run(*sizes, *decisions, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-peers:", err)
		os.Exit(1)
	}
}

func run(sizes string, decisions int, stdout, stderr io.Writer) error {
	fleets, err := parseSizes(sizes)
	if err != nil {
		return err
	}
	if decisions < 100 {
		return fmt.Errorf("-decisions %d: a 99th percentile needs at least 100", decisions)
	}
	t := newTable(stderr)
	var largest []result
	for _, nodes := range fleets {
		largest = largest[:0]
		for _, c := range contenders {
			of, err := c.measure(nodes, decisions*c.times, t)
			if err != nil {
				return fmt.Errorf("%s on %d nodes: %w", c.name, nodes, err)
			}
			largest = append(largest, worst(of))
		}
	}
	return tell(stdout, largest)
}

// parseSizes reads the sizes of fleets, smallest first.
func parseSizes(text string) ([]int, error) {
	var sizes []int
	for _, word := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-nodes %q: want numbers of nodes, separated by commas", text)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return sizes, nil
}

// measure has the engine fill a fleet of its own and decide, at every fill.
func (c contender) measure(nodes, decisions int, t table) ([]result, error) {
	e, err := c.make(nodes)
	if err != nil {
		return nil, err
	}
	defer runtime.GC() // the next engine starts without this one's fleet
	defer e.close()
	f := newFleet(e, nodes)
	var all []result
	for _, fill := range fills {
		r, err := f.decide(fill, decisions)
		if err != nil {
			return nil, err
		}
		t.row(c.name, nodes, fill, r)
		all = append(all, r)
	}
	return all, nil
}
