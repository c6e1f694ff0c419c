package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// life plays the life of a server to its vitals, in seconds, and tells when it was
// given up, and with what.
type life struct {
	health  func(at int) (error, bool) // answers /health; false = not at all
	counts  func(at int, m *aim.Reading)
	answers func(at int) (error, bool) // answers our request
}

func (l life) play(seconds int) (v *vitals, end int, f *aim.Failure) {
	start := time.Unix(0, 0)
	v = newVitals("s", start, probeEvery, hangAfter)
	asking, probing := false, false
	for at := 1; at <= seconds; at++ {
		now := start.Add(time.Duration(at) * time.Second)
		if !asking {
			v.healthAsked(now)
			asking = true
		}
		m := aim.UnknownReading(now)
		if l.counts != nil {
			l.counts(at, &m)
		}
		v.read(m)
		if v.wantsProbe(now) {
			v.probeSent(now)
			probing = true
		}
		if err, ok := answer(l.health, at); ok && asking {
			asking = false
			f = v.healthAnswered(err)
		}
		if err, ok := answer(l.answers, at); ok && probing && f == nil {
			probing = false
			f = v.probeAnswered(now, err)
		}
		if f == nil {
			f = v.tick(now)
		}
		if f != nil {
			return v, at, f
		}
	}
	return v, 0, nil
}

func answer(by func(int) (error, bool), at int) (error, bool) {
	if by == nil {
		return nil, true
	}
	return by(at)
}

func silent(int) (error, bool) { return nil, false }

// busy is a server that counts one request running, and a token each so many
// seconds from one time to another.
func busy(every, from, to int) func(int, *aim.Reading) {
	return func(at int, m *aim.Reading) {
		m.Running, m.Waiting, m.OutputTokens = 1, 0, float64((min(max(at, from), to)-from)/every)
	}
}

func TestVitals(t *testing.T) {
	const hour = 3600
	boom := func(int) (error, bool) {
		return aim.Failf(aim.ClassUnhealthy, "POST /v1/completions answers 500"), true
	}
	for name, c := range map[string]struct {
		life  life
		class aim.FailureClass // "" = it lives on
		by    int              // it is given up within so many seconds
	}{
		"idle, answers our requests":                    {life{counts: func(_ int, m *aim.Reading) { m.Running = 0 }}, "", 0},
		"tells no numbers, answers our requests":        {life{}, "", 0},
		"a token in ten seconds":                        {life{counts: busy(10, 0, hour), answers: silent}, "", 0},
		"a first prefill of three minutes":              {life{counts: busy(1, 190, hour), answers: func(at int) (error, bool) { return nil, at > 190 }}, "", 0},
		"a healthy port while /v1 hangs":                {life{counts: func(_ int, m *aim.Reading) { m.Running = 0 }, answers: silent}, aim.ClassHung, 95},
		"the same, and it tells no numbers":             {life{answers: silent}, aim.ClassHung, 335},
		"tokens that stop in mid-stream":                {life{counts: busy(1, 0, 600), answers: func(at int) (error, bool) { return nil, at < 600 }}, aim.ClassHung, 600 + 335},
		"a dead engine whose /metrics goes on counting": {life{counts: func(at int, m *aim.Reading) { m.Running, m.Waiting, m.Preemptions = 1, float64(at), float64(at) }, answers: silent}, aim.ClassHung, 335},
		"healthy, and every request fails":              {life{answers: boom}, aim.ClassUnhealthy, 40},
		"another model under the same port":             {life{answers: func(int) (error, bool) { return aim.Failf(aim.ClassWrongName, "serves b, not a"), true }}, aim.ClassWrongName, 31},
		"/health is silent":                             {life{health: silent, counts: busy(1, 0, hour)}, "", 0}, // who asks gives up by himself
		"/health refuses":                               {life{health: func(int) (error, bool) { return errors.New("connection refused"), true }}, aim.ClassUnhealthy, 3},
	} {
		v, at, f := c.life.play(hour)
		switch {
		case c.class == "" && f != nil:
			t.Errorf("%s: given up at %d s: %v", name, at, f)
		case c.class != "" && (f == nil || f.Class != c.class || at > c.by):
			t.Errorf("%s: %v at %d s, want %s by %d s", name, f, at, c.class, c.by)
		case name == "/health is silent" && !strings.Contains(v.reason(), "has not answered GET /health"):
			t.Errorf("%s: it is told %q", name, v.reason())
		}
	}
}

// What is wrong is told before it is the end, and taken back when it is over.
func TestVitalsTellAndTakeBack(t *testing.T) {
	quiet := life{counts: func(_ int, m *aim.Reading) { m.Running = 1 }, answers: silent}
	if v, _, _ := quiet.play(100); v.reason() != "" {
		t.Errorf("after a minute: %q", v.reason())
	}
	v, _, f := quiet.play(200)
	if f != nil || !strings.Contains(v.reason(), "small request") {
		t.Errorf("after half the time: %q, %v", v.reason(), f)
	}
	if f := v.probeAnswered(time.Unix(201, 0), nil); f != nil || v.reason() != "" {
		t.Errorf("once it has answered: %q, %v", v.reason(), f)
	}
}
