package route

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func targets(n int) []Target {
	var all []Target
	for i := range n {
		all = append(all, Target{ID: fmt.Sprint("t", i), Replica: fmt.Sprint("m/", i), Healthy: true, Serves: "m"})
	}
	return all
}

func text(n int, salt byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>9) ^ salt
	}
	return b
}

func acquire(t *testing.T, p *Pool, ask Ask) *Lease {
	t.Helper()
	l, err := p.Acquire(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAPromptGoesWhereItsPrefixIsUntilThatReplicaIsBehind(t *testing.T) {
	p := NewPool(Options{})
	p.Set(targets(2))
	long := Ask{Tokens: 8 << 10, Prefix: PrefixOf(text(32<<10, 0))}
	first := acquire(t, p, long)
	first.Done(Answered, 0)
	other := acquire(t, p, Ask{Tokens: 10}) // so that a tie would go to the first again
	other.Done(Answered, 0)
	again := acquire(t, p, long)
	if again.ID != first.ID || again.Hit < 7<<10 {
		t.Fatalf("second went to %s with a hit of %d, the first to %s", again.ID, again.Hit, first.ID)
	}
	again.Done(Answered, 0)
	var others []string
	for _, m := range targets(2) {
		if m.ID != first.ID {
			others = append(others, m.ID)
		}
	}
	acquire(t, p, Ask{Tokens: 20 << 10, Avoid: others}) // a lot to read
	if behind := acquire(t, p, long); behind.ID == first.ID {
		t.Error("a replica that is far behind still gets what it has cached")
	}
}

func TestLoadCountsBeforeTheRequestIsSentAndIsReleasedOnce(t *testing.T) {
	p := NewPool(Options{})
	p.Set(targets(4))
	seen := map[string]bool{}
	var all []*Lease
	for range 4 {
		l := acquire(t, p, Ask{Tokens: 100})
		seen[l.ID] = true
		all = append(all, l)
	}
	if len(seen) != 4 {
		t.Errorf("four requests at once went to %d of 4 replicas", len(seen))
	}
	for _, l := range all {
		l.Done(Left, 0)
		l.Done(Answered, 0)
		l.Begun()
	}
	if l := p.Load(); l.Outstanding != 0 || l.Pending != 0 {
		t.Errorf("left over: %+v", l)
	}
}

func TestBreakerCountsWhatIsTheReplicasFault(t *testing.T) {
	for _, c := range []struct {
		outcomes []Outcome
		open     bool
	}{
		{[]Outcome{Broken}, true},
		{[]Outcome{Failed, Failed}, false},
		{[]Outcome{Failed, Failed, Failed}, true},
		{[]Outcome{Failed, Failed, Answered, Failed, Failed}, false},
		{[]Outcome{Busy, Busy, Busy, Busy}, false},
		{[]Outcome{Left, Left, Left, Left}, false},
		{[]Outcome{Answered, Answered}, false},
	} {
		var b breaker
		now := time.Unix(0, 0)
		for _, o := range c.outcomes {
			b.ended(o, 0, now)
		}
		if b.admits(now) == c.open {
			t.Errorf("%v: open is %v", c.outcomes, !b.admits(now))
		}
	}
}

func TestOneRequestTriesAReplicaAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Options{})
		p.Set(targets(1))
		acquire(t, p, Ask{}).Done(Broken, 0)
		if _, err := p.Acquire(ended(), Ask{}); err == nil {
			t.Fatal("an open breaker was passed")
		}
		time.Sleep(firstPause)
		trial := acquire(t, p, Ask{})
		if _, err := p.Acquire(ended(), Ask{}); err == nil {
			t.Fatal("two requests try at once")
		}
		trial.Done(Left, 0) // decides nothing, and excludes nobody
		acquire(t, p, Ask{}).Done(Broken, 0)
		time.Sleep(firstPause)
		if _, err := p.Acquire(ended(), Ask{}); err == nil {
			t.Fatal("the second pause is not longer")
		}
		time.Sleep(firstPause)
		acquire(t, p, Ask{}).Done(Answered, 0)
		acquire(t, p, Ask{})
		acquire(t, p, Ask{})
	})
}

// ended is a context for callers who do not wait.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestWaitersAreServedByPriorityThenInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Options{Outstanding: 1})
		p.Set(targets(1))
		held := acquire(t, p, Ask{})
		got := make(chan string, 3)
		for _, w := range []struct {
			name     string
			priority int
		}{{"first", 0}, {"second", 0}, {"important", 1}} {
			go func() {
				l, err := p.Acquire(t.Context(), Ask{Priority: w.priority})
				if err != nil {
					t.Error(err)
					return
				}
				got <- w.name
				l.Done(Answered, 0)
			}()
			synctest.Wait()
		}
		held.Done(Answered, 0)
		for _, want := range []string{"important", "first", "second"} {
			if name := <-got; name != want {
				t.Errorf("%s was served, want %s", name, want)
			}
		}
	})
}

func TestWhoWaitsIsToldWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Options{Outstanding: 1, Waiting: 1})
		var r *Refusal
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := p.Acquire(ctx, Ask{}); !errors.As(err, &r) || !r.NoReplica || r.Full || r.Why != "no replica is running; waited 2s" {
			t.Errorf("without replicas: %v", err)
		}
		p.Set([]Target{{ID: "a", Replica: "m/0", Reason: "its node is away"}})
		if _, err := p.Acquire(ended(), Ask{}); !errors.As(err, &r) || r.Why != "none of 1 replicas is well (m/0: its node is away); waited 0s" {
			t.Errorf("with a sick one: %v", err)
		}
		p.Set(targets(1))
		acquire(t, p, Ask{})
		go func() { _, _ = p.Acquire(t.Context(), Ask{}) }()
		synctest.Wait()
		if _, err := p.Acquire(t.Context(), Ask{}); !errors.As(err, &r) || !r.Full || r.NoReplica {
			t.Errorf("with a full queue: %v", err)
		}
	})
}

func TestARequestThatHeldOnGetsTheReplicaThatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Options{})
		got := make(chan string)
		go func() {
			l, err := p.Acquire(t.Context(), Ask{})
			if err != nil {
				t.Error(err)
			}
			got <- l.ID
		}()
		synctest.Wait()
		p.Set(targets(1))
		if id := <-got; id != "t0" {
			t.Errorf("got %q", id)
		}
	})
}

func TestBusyReplicasAreLeftAloneForAsLongAsTheyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Options{})
		p.Set(targets(1))
		acquire(t, p, Ask{}).Done(Busy, 3*time.Second)
		began := time.Now()
		acquire(t, p, Ask{})
		if waited := time.Since(began); waited < 3*time.Second || waited > 4*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestBlocksCoverAPromptToASixteenth(t *testing.T) {
	for n := 1; n < 1<<20; n = n*5/4 + 1 {
		covered := upTo(len(PrefixOf(make([]byte, n)).blocks))
		if covered > n || n-covered > max(firstBlock, n/ofASize+firstBlock) {
			t.Errorf("%d of %d bytes are in blocks", covered, n)
		}
	}
}

// Whatever happens in whatever order: load is never negative, nothing stays
// counted when all is over, and a replica gets no more than its limit.
func TestLoadIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1000, 0)
		p := NewPool(Options{Outstanding: 3, Waiting: 4, PrefixBlocks: 16, Now: func() time.Time { return now }})
		var open []*Lease
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				all := targets(rapid.IntRange(0, 4).Draw(t, "n"))
				for i := range all {
					all[i].Healthy = rapid.Bool().Draw(t, "healthy")
				}
				p.Set(all)
			case 1:
				n := rapid.Int64Range(0, 5000).Draw(t, "tokens")
				if l, err := p.Acquire(ended(), Ask{Tokens: n, Prefix: PrefixOf(text(int(n), byte(n)))}); err == nil {
					open = append(open, l)
				}
			case 2:
				if len(open) > 0 {
					i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
					open[i].Done(Outcome(rapid.IntRange(0, 4).Draw(t, "outcome")), 0)
					open = append(open[:i], open[i+1:]...)
				}
			case 3:
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			}
			for _, m := range p.members {
				if m.outstanding < 0 || m.outstanding > 3 || m.pending < 0 || len(m.cache.at) > 16 {
					t.Fatalf("%s: outstanding %d, pending %d, cache %d", m.ID, m.outstanding, m.pending, len(m.cache.at))
				}
			}
		}
		for _, l := range open {
			l.Done(Answered, 0)
		}
		if l := p.Load(); l.Outstanding != 0 || l.Pending != 0 || l.Waiting != 0 {
			t.Fatalf("left over: %+v", l)
		}
	})
}

func BenchmarkChoose16(b *testing.B) {
	p := NewPool(Options{Outstanding: 1 << 30})
	p.Set(targets(16))
	prompt := text(220<<10, 0)
	for b.Loop() {
		l, _ := p.Acquire(context.Background(), Ask{Tokens: 55000, Prefix: PrefixOf(prompt)})
		l.Done(Answered, 0)
	}
}
