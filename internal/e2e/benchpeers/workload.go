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

// tries is how many requests in a row may be refused before a fleet counts as
// full.
const tries = 1000

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
func (f *fleet) decide(fill float64, n int) (result, error) {
	if err := f.fillTo(fill); err != nil {
		return result{}, err
	}
	if _, err := f.round(fill, n); err != nil { // what is remembered from decision to decision settles
		return result{}, err
	}
	best := result{p50: time.Hour, p99: time.Hour}
	for range rounds {
		r, err := f.round(fill, n)
		if err != nil {
			return result{}, err
		}
		best.p50, best.p99 = min(best.p50, r.p50), min(best.p99, r.p99)
		best.perSecond = max(best.perSecond, r.perSecond)
		best.refused += r.refused / rounds
	}
	return best, nil
}

// round lets n requests come, and as much end.
func (f *fleet) round(fill float64, n int) (result, error) {
	runtime.GC()
	all, busy, refused := make([]time.Duration, n), time.Duration(0), 0
	for i := range all {
		took, placed, err := f.come()
		if err != nil {
			return result{}, err
		}
		if !placed {
			refused++
		}
		all[i] = took
		busy += took
		if err := f.fillTo(fill); err != nil {
			return result{}, err
		}
	}
	slices.Sort(all)
	return result{
		p50: all[n/2], p99: all[n*99/100],
		perSecond: float64(n) / busy.Seconds(), refused: float64(refused) / float64(n),
	}, nil
}

// fillTo lets requests come until that share of the fleet is taken, and ends
// some at random where it is more.
func (f *fleet) fillTo(share float64) error {
	want := int(share * float64(f.gpus))
	for refused := 0; f.used < want; refused++ {
		_, placed, err := f.come()
		if err != nil {
			return err
		}
		if placed {
			refused = 0
		}
		if refused == tries {
			return fmt.Errorf("filling %d of %d GPUs: stuck at %d, %d requests in a row fit nowhere", want, f.gpus, f.used, tries)
		}
	}
	for f.used > want {
		if err := f.endOne(); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleet) come() (took time.Duration, placed bool, err error) {
	f.number++
	r := request{f.number, sizes[f.coming.IntN(len(sizes))]}
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
