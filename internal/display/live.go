package display

import (
	"fmt"
	"strings"
)

// Item is one line of something that goes on.
type Item struct {
	Key  string // what the line is about
	Line string // for a terminal, redrawn at every Show; "" = no line
	Fact string // for a pipe: told when it changes; "" = nothing to tell
	// Spare says how readily the line is left out of a screen that is too short.
	Spare Spare
}

// Live shows items that change: on a terminal as a block that is redrawn in
// place, in a pipe as a plain line for each new fact. It belongs to one
// goroutine.
type Live struct {
	out   *Output
	drawn int
	told  map[string]string
}

// NewLive shows on o, which should be stderr: stdout is for data.
func NewLive(o *Output) *Live { return &Live{out: o, told: map[string]string{}} }

// Known takes these items as told before: a pipe is told only what changes.
func (l *Live) Known(items []Item) {
	for _, item := range items {
		l.told[item.Key] = item.Fact
	}
}

// Show replaces the block by these items.
func (l *Live) Show(items []Item) {
	if !l.out.terminal {
		l.tell(items)
		return
	}
	width, height := l.out.Size()
	l.draw(frame(items, width, height))
}

// tell is for pipes: a fact is told once, and again when it has changed.
func (l *Live) tell(items []Item) {
	for _, item := range items {
		if item.Fact != "" && l.told[item.Key] != item.Fact {
			l.told[item.Key] = item.Fact
			l.out.Println(item.Fact)
		}
	}
}

// draw goes back to the first line of the last block and writes over it. The
// whole frame is one write, so that it does not flicker.
func (l *Live) draw(lines []string) {
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.drawn)
	}
	for _, text := range lines {
		b.WriteString("\r" + l.out.rendered(text) + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	l.drawn = len(lines)
	_, _ = l.out.Write([]byte(b.String())) // its reader may be gone
}

// Close leaves the last block where it is; what is printed next stands below.
func (l *Live) Close() { l.drawn = 0 }

// spinner is drawn in front of what is going on; elapsed drives it, so that a
// frame depends on nothing but its input.
func spinner(millis int64) string {
	frames := []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	return frames[int(millis/100)%len(frames)]
}
