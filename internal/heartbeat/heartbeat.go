// Package heartbeat keeps a long activity alive in Temporal's eyes while it has
// nothing to report, and tells its last progress.
//
//	beat := heartbeat.Start(ctx) // ctx as the SDK has handed it in
//	defer beat.Stop()
//	err := hub.Fetch(ctx, model, beat.Report)
package heartbeat

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aim-engine/aim"
)

// every is the pace of the beats. The SDK passes on far fewer: one in most of the
// activity's heartbeat timeout.
const every = time.Second

// Beat heartbeats the last progress of one activity until Stop. Its methods are
// safe for concurrent use.
type Beat struct {
	mu    sync.Mutex
	last  aim.Progress
	first sync.Once
	news  chan struct{} // closed at the first report

	quit, gone chan struct{}
}

// Start begins to beat. ctx must be the activity's own, as the SDK has handed it
// in, and never one that the activity has derived and may cancel before it ends:
// the SDK sends a beat that it has held back with the context of an earlier one,
// and loses it where that has been cancelled. The activity's own context is
// cancelled only when the answer does not matter any more.
func Start(ctx context.Context) *Beat {
	b := &Beat{news: make(chan struct{}), quit: make(chan struct{}), gone: make(chan struct{})}
	go b.run(ctx)
	return b
}

// run sends the first beat when there is something to tell, if that comes soon:
// the SDK sends it at once, and holds the next ones back.
func (b *Beat) run(ctx context.Context) {
	defer close(b.gone)
	tick := time.NewTicker(every)
	defer tick.Stop()
	select {
	case <-b.quit:
		return
	case <-ctx.Done():
		return
	case <-b.news:
	case <-tick.C:
	}
	for {
		activity.RecordHeartbeat(ctx, b.progress())
		select {
		case <-b.quit:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// maxNote bounds, in bytes, what a beat tells: what a server prints may be its note.
const maxNote = 500

// Report replaces the progress that the next beat tells.
func (b *Beat) Report(p aim.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p.Note) > maxNote {
		p.Note = strings.ToValidUTF8(p.Note[:maxNote], "")
	}
	b.last = p
	b.first.Do(func() { close(b.news) })
}

func (b *Beat) progress() aim.Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// Done is how much of the step is done, in the unit of its progress.
func (b *Beat) Done() int64 { return b.progress().Done }

// Stop ends the beats and waits for the one that is being sent.
func (b *Beat) Stop() {
	close(b.quit)
	<-b.gone
}
