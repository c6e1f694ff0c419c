package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/inventory"
)

// Fills are how much of the fleet is taken while decisions are measured; the
// worse one counts.
var fills = []float64{0.50, 0.95}

// rounds is how often a figure is measured; the least counts, because others
// may use the machine at the same time.
const rounds = 20

// benchPlacing measures single decisions of the scheduler, with exact GPUs and
// every node accounted for.
func benchPlacing(_ context.Context, _ *bench) error {
	p50, p99, rate := map[int]time.Duration{}, map[int]time.Duration{}, 0.0
	for _, nodes := range []int{100, 1000, 10_000} {
		for _, fill := range fills {
			mid, tail, perSecond := decisions(nodes, fill)
			note("%d nodes, %.0f %% full: p50 %v, p99 %v, %.0f thousand a second", nodes, 100*fill, mid, tail, perSecond/1000)
			p50[nodes], p99[nodes] = max(p50[nodes], mid), max(p99[nodes], tail)
			if nodes == 10_000 && (rate == 0 || perSecond < rate) {
				rate = perSecond
			}
		}
	}
	tell("place_p50_us", us(p50[10_000]), "us", 2)
	tell("place_p99_us", us(p99[10_000]), "us", 10)
	tell("place_growth", float64(p50[10_000])/float64(p50[100]), "ratio", 2)
	tell("place_rate_k", rate/1000, "thousand/s", 500)
	return nil
}

// decisions measures decisions on a fleet where replicas come and go.
func decisions(nodes int, fill float64) (p50, p99 time.Duration, perSecond float64) {
	const each = 20_000
	f := newFleet(nodes)
	f.fillTo(fill)
	for range each { // the outlook has seen the mix, and the states have settled
		f.place(f.next())
		f.fillTo(fill)
	}
	p50, p99 = time.Hour, time.Hour
	all := make([]time.Duration, each)
	for range rounds {
		runtime.GC()
		busy := time.Duration(0)
		for i := range all {
			r := f.next()
			began := time.Now()
			f.place(r)
			all[i] = time.Since(began)
			busy += all[i]
			f.fillTo(fill)
		}
		slices.Sort(all)
		p50, p99 = min(p50, all[each/2]), min(p99, all[each*99/100])
		perSecond = max(perSecond, each/busy.Seconds())
	}
	return p50, p99, perSecond
}

// benchGang places 16 nodes of 8 GPUs together, all or none.
func benchGang(_ context.Context, _ *bench) error {
	const ranks = 16
	worst := time.Duration(0)
	for _, fill := range fills {
		f := newFleet(10_000)
		f.fillTo(fill - 8*ranks*0.0001) // room for one more
		best := time.Hour
		for i := range 200 {
			r := aim.PlacementRequest{Deployment: fmt.Sprint("gang", i), UID: "u", Token: fmt.Sprint("g", i), GPUs: 8, Nodes: ranks, GPUType: "MI300X"}
			began := time.Now()
			d := f.s.Propose(r, time.Time{})
			best = min(best, time.Since(began))
			if d.Outcome == aim.Place {
				f.s.Cancel(&r)
			}
		}
		worst = max(worst, best)
	}
	tell("gang_us", us(worst), "us", 50)
	return nil
}

// benchApply takes the reports of nodes that have changed, each as soon as it has
// been read, as control does: a claim comes, and another.
func benchApply(_ context.Context, _ *bench) error {
	const nodes = 10_000
	f := newFleet(nodes)
	f.fillTo(0.5)
	best := time.Hour
	for range 3 {
		for _, held := range []int{1, 2} {
			busy := time.Duration(0)
			for i := range nodes {
				n := mi300x(i)
				for g := range held {
					id := aim.Identity{Deployment: "held", UID: fmt.Sprint("u", i), Ordinal: g, Token: fmt.Sprint("held-", i, "-", g)}
					n.Claims = append(n.Claims, aim.Claim{Identity: id, GPUs: []string{gpuID(i, g)}})
				}
				n = decoded(n)
				began := time.Now()
				f.s.Apply(n)
				busy += time.Since(began)
			}
			best = min(best, busy/nodes)
		}
	}
	tell("fleet_apply_us", us(best), "us", 2)
	return nil
}

// decoded is the node as control has it: read from a snapshot.
func decoded(n aim.FleetNode) aim.FleetNode {
	data, err := json.Marshal(n.Node)
	if err != nil {
		panic(err) // it has no value that JSON cannot write
	}
	out := aim.FleetNode{Liveness: n.Liveness}
	if err := json.Unmarshal(data, &out.Node); err != nil {
		panic(err)
	}
	inventory.Compact(&out.Node)
	return out
}

// benchFleetMemory counts what a fleet of ten thousand nodes keeps in memory,
// reports and index together.
func benchFleetMemory(_ context.Context, _ *bench) error {
	before := heap()
	f := newFleet(10_000)
	for range 1000 {
		f.place(f.next())
	}
	after := heap()
	tell("fleet_10k_mib", float64(after-before)/(1<<20), "MiB", 60)
	runtime.KeepAlive(f)
	return nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers have freed by now
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// benchWake gives back GPUs on a full fleet where ten thousand wait, and counts
// the time until those who go now have their turn.
func benchWake(_ context.Context, _ *bench) error {
	f := newFleet(1000)
	f.fillTo(0.95)
	for f.place(request1(f)).Outcome == aim.Place { // full to the last GPU
	}
	for range 10_000 {
		f.s.Wait(f.next())
	}
	f.s.Turn(time.Time{})
	best := time.Hour
	for range 500 {
		f.endOne()
		began := time.Now()
		granted := f.s.Turn(time.Time{})
		best = min(best, time.Since(began))
		for _, g := range granted {
			f.live = append(f.live, g.Request)
			f.used += g.Request.GPUs
			f.s.Wait(f.next())
		}
	}
	tell("wake_10k_us", us(best), "us", 100)
	return nil
}

func request1(f *fleet) aim.PlacementRequest {
	r := f.next()
	r.GPUs, r.CPUs, r.HostBytes, r.DiskBytes, r.Model = 1, 0, 0, 0, ""
	return r
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
