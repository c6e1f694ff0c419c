package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// sizes is how many GPUs requests ask for.
var sizes = [...]int{1, 1, 1, 1, 2, 2, 4, 8}

// A GPU's part of what a replica asks for besides.
const (
	cpusPerGPU = 16
	hostPerGPU = 64 << 30
	diskPerGPU = 100 << 30
)

// rounds is how often decisions are measured; the best round counts.
const rounds = 3

// request asks for GPUs of one node. Its number makes its names.
type request struct{ number, gpus int }

// engine is a scheduler with a fleet.
type engine interface {
	// place decides where a request goes and keeps it there. It took the
	// decision alone. Not placed is an answer, not an error.
	place(request) (took time.Duration, placed bool, err error)
	// end gives back what a placed request has.
	end(request) error
	close()
}

// result is how an engine did.
type result struct {
	p50, p99  time.Duration
	perSecond float64 // decisions, back to back
	refused   float64 // share of the requests
}

// fleet is an engine whose replicas come and go. The same seed makes the same
// requests for all engines; who ends differs with what was placed.
type fleet struct {
	engine
	coming, going *rand.Rand
	gpus, used    int
	live          []request
	number        int
}

func newFleet(e engine, nodes int) *fleet {
	return &fleet{engine: e, gpus: perNode * nodes, coming: rand.New(rand.NewPCG(1, 2)), going: rand.New(rand.NewPCG(3, 4))}
}

// decide measures n decisions in each round, with that share of the fleet taken.
func (f *fleet) decide(share float64, n int) (result, error) {
	want := int(share * float64(f.gpus))
	if err := f.fill(want); err != nil {
		return result{}, err
	}
	if _, err := f.round(want, n); err != nil { // what is remembered from decision to decision settles
		return result{}, err
	}
	best := result{p50: time.Hour, p99: time.Hour}
	for range rounds {
		r, err := f.round(want, n)
		if err != nil {
			return result{}, err
		}
		best.p50, best.p99 = min(best.p50, r.p50), min(best.p99, r.p99)
		best.perSecond = max(best.perSecond, r.perSecond)
		best.refused += r.refused / rounds
	}
	return best, nil
}

// fill lets requests come until that many GPUs are taken. Nothing ends
// meanwhile, so where a size fits nowhere, it and larger ones need not be asked
// again.
func (f *fleet) fill(want int) error {
	limit := perNode + 1
	for f.used < want {
		r := f.next()
		if r.gpus >= limit {
			continue
		}
		_, placed, err := f.come(r)
		switch {
		case err != nil:
			return err
		case !placed && r.gpus == 1:
			return fmt.Errorf("taking %d of %d GPUs: full at %d", want, f.gpus, f.used)
		case !placed:
			limit = r.gpus
		}
	}
	return nil
}

// round lets n requests come, and as much end as keeps that many GPUs taken.
func (f *fleet) round(want, n int) (result, error) {
	runtime.GC()
	all, busy, refused := make([]time.Duration, n), time.Duration(0), 0
	for i := range all {
		for f.used >= want {
			if err := f.endOne(); err != nil {
				return result{}, err
			}
		}
		took, placed, err := f.come(f.next())
		if err != nil {
			return result{}, err
		}
		if !placed {
			refused++
		}
		all[i] = took
		busy += took
	}
	slices.Sort(all)
	return result{
		p50: all[n/2], p99: all[n*99/100],
		perSecond: float64(n) / busy.Seconds(), refused: float64(refused) / float64(n),
	}, nil
}

func (f *fleet) next() request {
	f.number++
	return request{f.number, sizes[f.coming.IntN(len(sizes))]}
}

func (f *fleet) come(r request) (took time.Duration, placed bool, err error) {
	took, placed, err = f.place(r)
	if placed {
		f.live = append(f.live, r)
		f.used += r.gpus
	}
	return took, placed, err
}

func (f *fleet) endOne() error {
	i, last := f.going.IntN(len(f.live)), len(f.live)-1
	r := f.live[i]
	f.live[i] = f.live[last]
	f.live = f.live[:last]
	f.used -= r.gpus
	return f.end(r)
}
