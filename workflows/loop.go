package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// event is something that has happened, for a machine to take.
type event any

// action is something that a machine wants done.
type action any

// moment is what a machine may know of the world beyond its events.
type moment struct {
	now   time.Time
	token func() string // a new one, random
}

// machine decides: state and event in, state and actions out. It knows no
// workflow, no clock and no chance, so that the same machines run in workflows and
// in simulations of years.
type machine interface {
	step(at moment, e event) []action
	// alarm is when an alarmed is wanted; zero = never. It may change at every step.
	alarm() time.Time
	// quiet tells that nothing is half done, so that the run may continue as new.
	quiet() bool
	// over tells that nothing is left to do.
	over() bool
}

// Events of both machines.
type (
	began     struct{ resumed bool } // the first of a run
	alarmed   struct{}               // the time of alarm() has come
	cancelled struct{}               // the workflow was cancelled
	grown     struct{}               // the history is long: become quiet when that is safe
)

// loop carries a machine in a workflow. It decides nothing but when to continue
// as new: when the machine is quiet, every message that has come is taken, and every
// one that is under way has left. A signal that is on its way when its sender's run
// closes may be dropped by the server.
type loop struct {
	m     machine
	token func(workflow.Context) string
	do    func(workflow.Context, action)
	shown func(workflow.Context) // after every step

	events []event
	flying int       // signals and starts of children that are under way
	drains []func()  // take what the channels of signals hold
	ring   time.Time // for which a timer runs
	hush   workflow.CancelFunc
}

// push hands an event to the machine.
func (l *loop) push(e event) { l.events = append(l.events, e) }

// fly counts f, which waits for a message to be under way.
func (l *loop) fly(ctx workflow.Context, f func(workflow.Context)) {
	l.flying++
	workflow.Go(ctx, func(ctx workflow.Context) {
		f(ctx)
		l.flying--
	})
}

// listen pushes what comes by a signal.
func listen[T any](ctx workflow.Context, l *loop, name, text string, as func(T) event) {
	channel := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: text})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var v T
			if !channel.Receive(ctx, &v) {
				return
			}
			l.push(as(v))
		}
	})
	l.drains = append(l.drains, func() {
		var v T
		for channel.ReceiveAsync(&v) {
			l.push(as(v))
			v = *new(T)
		}
	})
}

// run carries the machine to its end, or to where it wants to continue as new.
func (l *loop) run(ctx workflow.Context, resumed bool) (renews bool) {
	ctx, done := workflow.NewDisconnectedContext(ctx) // what is cancelled decides the machine
	defer done()
	l.push(began{resumed: resumed})
	suggested := func() bool { return workflow.GetInfo(ctx).GetContinueAsNewSuggested() }
	told := false
	ends := func() bool { return l.m.over() && l.flying == 0 }
	renewable := func() bool {
		return suggested() && l.m.quiet() && !l.m.over() && l.flying == 0 && workflow.AllHandlersFinished(ctx)
	}
	for {
		for len(l.events) > 0 {
			e := l.events[0]
			l.events = l.events[1:]
			l.step(ctx, e)
		}
		if ends() {
			return false
		}
		if suggested() && !told {
			told = true
			l.push(grown{})
			continue
		}
		if renewable() {
			for _, drain := range l.drains {
				drain()
			}
			if len(l.events) == 0 {
				return true
			}
			continue
		}
		_ = workflow.Await(ctx, func() bool { // fails for a cancelled ctx only, which this one never is
			return len(l.events) > 0 || ends() || suggested() && !told || renewable()
		})
	}
}

func (l *loop) step(ctx workflow.Context, e event) {
	at := moment{now: workflow.Now(ctx), token: func() string { return l.token(ctx) }}
	for _, a := range l.m.step(at, e) {
		l.do(ctx, a)
	}
	l.shown(ctx)
	l.wind(ctx)
}

// wind keeps one timer, for the machine's next alarm.
func (l *loop) wind(ctx workflow.Context) {
	next := l.m.alarm()
	if next.Equal(l.ring) {
		return
	}
	if l.hush != nil {
		l.hush()
	}
	if l.ring, l.hush = next, nil; next.IsZero() {
		return
	}
	ctx, l.hush = workflow.WithCancel(ctx)
	wait := max(next.Sub(workflow.Now(ctx)), time.Millisecond)
	timer := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "the next thing that is due"})
	workflow.Go(ctx, func(ctx workflow.Context) {
		if timer.Get(ctx, nil) == nil {
			l.ring = time.Time{}
			l.push(alarmed{})
		}
	})
}

// watchCancel pushes the cancellation of the workflow.
func (l *loop) watchCancel(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		_ = ctx.Done().Receive(ctx, nil)
		l.push(cancelled{})
	})
}
