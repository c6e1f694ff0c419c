package supervise

import (
	"context"
	"fmt"
	"time"
)

// Process is something to keep running.
type Process struct {
	Name string
	Log  string // file that stdout and stderr are appended to
	// Command is asked before every start, so that a port that has been taken
	// in the meantime can be exchanged.
	Command func() (Command, error)
	// Ready tells whether the process of this pid serves; nil means that being
	// started is enough.
	Ready func(ctx context.Context, pid int) error
	// Started is told the pid of every life; nil for nobody.
	Started func(pid int)
	// Grace is how long it may take to stop before it is killed.
	Grace time.Duration
}

// Command is what is started.
type Command struct {
	Args []string // program and arguments
	Env  []string // whole environment; nil = ours
}

// Event is a change of a process that a person may want to know of.
type Event struct {
	Name string
	What string        // "ended with exit status 1", "starts again", "killed"
	In   time.Duration // until it starts again; 0 = it does not
	Log  string        // where to read more
}

// String tells the event in one line.
func (e Event) String() string {
	text := e.Name + " " + e.What
	if e.In > 0 {
		text += fmt.Sprintf("; it starts again in %s", e.In)
	}
	return text + " (log: " + e.Log + ")"
}

// Pauses before a process that has died starts again: short, because most are
// killed once; growing, so that one that cannot start fills no log. A process
// that has run for steady begins again with the shortest.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
	steady     = 30 * time.Second
	readyPoll  = 10 * time.Millisecond
)

// triesAtStart is how often a process may die before it was ready once: a lost
// race for a port is mended by the second.
const triesAtStart = 2

// defaultGrace is for processes that have nothing to say about it.
const defaultGrace = 10 * time.Second
