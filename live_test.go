package aim_test

import (
	"math"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

func reading(at int, change func(*aim.Reading)) aim.Reading {
	m := aim.UnknownReading(time.Unix(int64(at), 0))
	if change != nil {
		change(&m)
	}
	return m
}

// TestWorkedSince: only tokens and answered requests are work.
func TestWorkedSince(t *testing.T) {
	base := func(m *aim.Reading) { m.OutputTokens, m.PromptTokens, m.Finished, m.Running = 10, 10, 10, 1 }
	before := reading(0, base)
	for name, c := range map[string]struct {
		change func(*aim.Reading)
		want   bool
	}{
		"nothing":             {func(*aim.Reading) {}, false},
		"a token":             {func(m *aim.Reading) { m.OutputTokens++ }, true},
		"a prompt":            {func(m *aim.Reading) { m.PromptTokens++ }, true},
		"an answer":           {func(m *aim.Reading) { m.Finished++ }, true},
		"more waiting":        {func(m *aim.Reading) { m.Running, m.Waiting = 5, 100 }, false},
		"preemptions":         {func(m *aim.Reading) { m.Preemptions = 3 }, false},
		"counters start over": {func(m *aim.Reading) { m.OutputTokens, m.PromptTokens, m.Finished = 1, 1, 1 }, false},
		"no numbers any more": {func(m *aim.Reading) { *m = aim.UnknownReading(m.At) }, false},
	} {
		now := reading(5, base)
		c.change(&now)
		if got := now.WorkedSince(before); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestLiveNumbers: rates and quantiles are of the time between two readings; what is
// not known stays so.
func TestLiveNumbers(t *testing.T) {
	inf := math.Inf(1)
	before := reading(0, func(m *aim.Reading) {
		m.OutputTokens, m.PrefixQueries, m.PrefixHits = 100, 100, 50
		m.FirstToken = aim.Histogram{Bounds: []float64{0.1, 1, inf}, Counts: []float64{1000, 1000, 1000}}
	})
	now := reading(10, func(m *aim.Reading) {
		m.OutputTokens, m.PrefixQueries, m.PrefixHits, m.KVUse = 300, 200, 130, 0.5
		m.FirstToken = aim.Histogram{Bounds: []float64{0.1, 1, inf}, Counts: []float64{1000, 1010, 1010}}
	})
	l := now.Since(before)
	if *l.TokensOut != 20 || *l.PrefixHits != 0.8 || *l.KVUse != 0.5 || math.Abs(*l.FirstP50-0.55) > 1e-9 {
		t.Errorf("%v tokens/s, hits %v, KV %v, first %v", *l.TokensOut, *l.PrefixHits, *l.KVUse, *l.FirstP50)
	}
	if l.Running != nil || l.TokensIn != nil || l.BetweenP50 != nil {
		t.Errorf("what nobody told is known: %+v", l)
	}
	if again := before.Since(now); again.TokensOut != nil {
		t.Errorf("a rate of %g over a restart", *again.TokensOut)
	}
}
