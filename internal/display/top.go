package display

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// TopViews are what `aim top` can list.
var TopViews = []string{"models", "replicas", "nodes", "gpus"}

// Screen is what a live table shows: which list, sorted by which column (0 is the
// first, by name), and only rows that hold a text.
type Screen struct {
	View   string
	Sort   int
	Filter string
	Height int // lines that there are for rows; 0 = all
}

// row is a line of a live table with what it is sorted by: the first cell by its
// text, the others by their number, the largest first.
type row struct {
	cells []string
	sorts []float64
}

// Top prints one list of what the fleet does now, and says which columns it has.
func Top(o *Output, fleet aim.Fleet, s Screen) {
	header, rows := topRows(o, fleet, s.View)
	rows = slices.DeleteFunc(rows, func(r row) bool {
		return s.Filter != "" && !strings.Contains(strings.ToLower(strings.Join(r.cells, " ")), strings.ToLower(s.Filter))
	})
	by := s.Sort % len(header)
	slices.SortStableFunc(rows, func(a, b row) int {
		switch {
		case by == 0 || a.sorts[by] == b.sorts[by]:
			return strings.Compare(a.cells[0], b.cells[0])
		case a.sorts[by] > b.sorts[by]:
			return -1
		}
		return 1
	})
	header[by] += "*"
	t := Table{Header: header}
	for i, r := range rows {
		if s.Height > 0 && i == s.Height-1 && len(rows) > s.Height {
			t.Add(o.Dim(fmt.Sprintf("… %d more", len(rows)-i)))
			break
		}
		t.Add(r.cells...)
	}
	t.Print(o)
}

func topRows(o *Output, fleet aim.Fleet, view string) (header []string, rows []row) {
	switch view {
	case "nodes":
		return []string{"NODE", "STATE", "GPUS", "BUSY", "POWER", "IN USE", "RUN", "WAIT", "TOK/S"}, nodeRows(o, fleet)
	case "gpus":
		return []string{"GPU", "NODE", "BUSY", "POWER", "IN USE", "JUNCTION", "STATE"}, gpuRows(o, fleet)
	case "models":
		return []string{"MODEL", "UP", "RUN", "WAIT", "TOK/S", "IN/S", "KV", "TTFT P95", "ITL P95"}, serverRows(o, fleet, true)
	}
	return []string{"REPLICA", "NODE", "RUN", "WAIT", "TOK/S", "IN/S", "KV", "HITS", "TTFT P95", "ITL P95"}, serverRows(o, fleet, false)
}

// serverRows is a row for each server that answers or should, or for each model.
func serverRows(o *Output, fleet aim.Fleet, models bool) (rows []row) {
	sums := map[string]*modelSum{}
	for _, n := range fleet.Nodes {
		for _, e := range n.Endpoints {
			l := liveOf(n, e)
			if models {
				if sums[e.Model] == nil {
					sums[e.Model] = &modelSum{}
				}
				sums[e.Model].add(e, l)
				continue
			}
			name := o.Bold(e.ReplicaName())
			if !e.Healthy {
				name = o.Bad(e.ReplicaName())
			}
			rows = append(rows, row{
				[]string{name, n.ID, whole(l.Running), whole(l.Waiting), Rate(l.TokensOut), Rate(l.TokensIn), Percent(l.KVUse), Percent(l.PrefixHits), Seconds(l.FirstP95), Seconds(l.BetweenP95)},
				[]float64{0, 0, value(l.Running), value(l.Waiting), value(l.TokensOut), value(l.TokensIn), value(l.KVUse), value(l.PrefixHits), value(l.FirstP95), value(l.BetweenP95)},
			})
		}
	}
	for model, s := range sums {
		rows = append(rows, row{
			[]string{o.Bold(model), fmt.Sprintf("%d/%d", s.up, s.all), whole(&s.l.running), whole(&s.l.waiting), Rate(&s.l.out), Rate(&s.l.in), Percent(s.kv), Seconds(s.first), Seconds(s.between)},
			[]float64{0, float64(s.all - s.up), s.l.running, s.l.waiting, s.l.out, s.l.in, value(s.kv), value(s.first), value(s.between)},
		})
	}
	return rows
}

// modelSum adds the replicas of one model up; of latencies and caches the worst
// replica counts.
type modelSum struct {
	up, all            int
	l                  struct{ running, waiting, out, in float64 }
	kv, first, between *float64
}

func (s *modelSum) add(e aim.Endpoint, l aim.Live) {
	s.all++
	if e.Healthy {
		s.up++
	}
	s.l.running += value(l.Running)
	s.l.waiting += value(l.Waiting)
	s.l.out += value(l.TokensOut)
	s.l.in += value(l.TokensIn)
	s.kv, s.first, s.between = worst(s.kv, l.KVUse), worst(s.first, l.FirstP95), worst(s.between, l.BetweenP95)
}

func worst(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

func liveOf(n aim.FleetNode, e aim.Endpoint) aim.Live {
	if n.Live == nil {
		return aim.Live{}
	}
	return n.Live.Servers[e.Server()]
}

func nodeRows(o *Output, fleet aim.Fleet) (rows []row) {
	for _, n := range fleet.Nodes {
		var busy, power, used, running, waiting, out, told float64
		for _, g := range n.GPUs {
			l := liveGPU(n, g)
			busy += value(l.Busy)
			power += value(l.PowerW)
			used += value(l.VRAMBytes)
			if l.Busy != nil {
				told++
			}
		}
		if n.Live != nil {
			for _, l := range n.Live.Servers {
				running += value(l.Running)
				waiting += value(l.Waiting)
				out += value(l.TokensOut)
			}
		}
		share, watts, bytes := (*float64)(nil), (*float64)(nil), (*float64)(nil)
		if told > 0 {
			mean := busy / told
			share = &mean
		}
		if power > 0 {
			watts = &power
		}
		if used > 0 {
			bytes = &used
		}
		rows = append(rows, row{
			[]string{o.Bold(n.ID), nodeState(o, n), fmt.Sprint(len(n.GPUs)), Percent(share), Watts(watts), size(bytes), whole(&running), whole(&waiting), Rate(&out)},
			[]float64{0, 0, float64(len(n.GPUs)), value(share), power, used, running, waiting, out},
		})
	}
	return rows
}

func liveGPU(n aim.FleetNode, g aim.GPU) aim.LiveGPU {
	if n.Live == nil {
		return aim.LiveGPU{}
	}
	return n.Live.GPUs[g.ID]
}

func gpuRows(o *Output, fleet aim.Fleet) (rows []row) {
	for _, n := range fleet.Nodes {
		for _, g := range n.GPUs {
			state, _ := n.StateOf(g)
			l := liveGPU(n, g)
			rows = append(rows, row{
				[]string{g.ID, n.ID, Percent(l.Busy), Watts(l.PowerW), size(l.VRAMBytes), degrees(l.JunctionC), gpuState(o, state)},
				[]float64{0, 0, value(l.Busy), value(l.PowerW), value(l.VRAMBytes), value(l.JunctionC), 0},
			})
		}
	}
	return rows
}
