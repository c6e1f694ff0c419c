package node

import (
	"time"

	"github.com/aim-engine/aim"
)

// How a ready server is judged.
const (
	healthEvery = 2 * time.Second // unless Options say otherwise
	healthFails = 3               // in a row are no accident; a single one may be a long prefill
	healthLimit = 10 * time.Second
	healthSlow  = 2500 * time.Millisecond // a server that has not answered by then is told so, and waited for

	// A small request of ours goes to a server that has done no work for so long.
	probeEvery = 30 * time.Second
	// The slowest first answers seen are of prefills of three minutes. A server that
	// says itself that it has nothing to do has no such excuse: a fifth of the time.
	hangAfter   = 5 * time.Minute
	idlePatient = 5
)

// vitals judge one ready server by what it says and what it does. They decide
// nothing by themselves: who asks hands in when, and what was answered.
//
//	/health answers                      well
//	       has not for 2.5 s             told not healthy, waited for
//	       fails three times in a row    unhealthy: the end
//	work   tokens or answers counted     works; our own request is not needed
//	       none for 30 s                 a small request of ours
//	       answered                      works
//	       refused three times in a row  unhealthy: the end
//	       unanswered half of hangAfter  told not healthy, waited for
//	       unanswered for hangAfter, and nothing counted meanwhile
//	                                     hung: the end
type vitals struct {
	name                  string // of the server
	probeEvery, hangAfter time.Duration

	asked  time.Time // when /health was asked that has not answered; zero = none
	fails  int       // of /health in a row
	health string    // why it is not healthy, by /health

	reading aim.Reading // the last one
	worked  time.Time   // last seen at work
	probed  time.Time   // when our request was sent that has not been answered; zero = none
	limit   time.Duration
	refused int    // of our requests in a row
	work    string // why it is not healthy, by its work
}

func newVitals(name string, now time.Time, probeEvery, hangAfter time.Duration) *vitals {
	return &vitals{name: name, probeEvery: probeEvery, hangAfter: hangAfter, worked: now, reading: aim.UnknownReading(now)}
}

// reason says why the server is not to be used now, "" for no reason.
func (v *vitals) reason() string {
	if v.health != "" {
		return v.health
	}
	return v.work
}

func (v *vitals) healthAsked(now time.Time) { v.asked = now }

func (v *vitals) healthAnswered(err error) *aim.Failure {
	v.asked = time.Time{}
	if err == nil {
		v.fails, v.health = 0, ""
		return nil
	}
	v.fails++
	v.health = err.Error()
	if v.fails < healthFails {
		return nil
	}
	return aim.Failf(aim.ClassUnhealthy, "server %s runs but has not answered %d health checks in a row: %s", v.name, healthFails, v.health)
}

// read takes what the server counts.
func (v *vitals) read(m aim.Reading) {
	if m.WorkedSince(v.reading) {
		v.works(m.At)
	}
	v.reading = m
}

func (v *vitals) works(at time.Time) {
	v.worked, v.refused, v.work = at, 0, ""
}

// wantsProbe tells whether the server is to be sent a request.
func (v *vitals) wantsProbe(now time.Time) bool {
	return v.probed.IsZero() && now.Sub(v.worked) >= v.probeEvery
}

func (v *vitals) probeSent(now time.Time) {
	v.probed, v.limit = now, v.hangAfter
	if v.reading.Idle() {
		v.limit /= idlePatient
	}
}

func (v *vitals) probeAnswered(now time.Time, err error) *aim.Failure {
	v.probed = time.Time{}
	if err == nil {
		v.works(now)
		return nil
	}
	f := aim.FailureOf(err)
	v.refused++
	v.work = "a request of ours failed: " + f.Error()
	switch {
	case f.Class == aim.ClassWrongName, f.Class == aim.ClassTask:
		return f
	case v.refused >= healthFails:
		return aim.Failf(aim.ClassUnhealthy, "server %s is healthy by its own word, but %d requests in a row failed: %s", v.name, v.refused, f.Error())
	}
	return nil
}

// tick judges by the time that passes.
func (v *vitals) tick(now time.Time) *aim.Failure {
	if slow := now.Sub(v.asked); !v.asked.IsZero() && slow >= healthSlow && v.health == "" {
		v.health = "it has not answered GET /health for " + slow.Round(100*time.Millisecond).String()
	}
	if v.probed.IsZero() {
		return nil
	}
	since := v.probed
	if v.worked.After(since) {
		since = v.worked // it is busy with others
	}
	silent := now.Sub(since)
	switch {
	case silent >= v.limit:
		return aim.Failf(aim.ClassHung, "server %s has not answered a small request for %s, and has done nothing else meanwhile",
			v.name, now.Sub(v.probed).Round(time.Second))
	case silent >= v.limit/2:
		v.work = "it has not answered a small request for " + silent.Round(time.Second).String()
	}
	return nil
}
