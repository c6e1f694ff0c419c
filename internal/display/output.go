package display

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/aim-engine/aim"
)

// Mode says when output is coloured.
type Mode string

// Auto colours on a terminal, unless NO_COLOR is set or the terminal is dumb;
// CLICOLOR_FORCE colours everywhere.
const (
	Auto   Mode = "auto"
	Always Mode = "always"
	Never  Mode = "never"
)

// Output is one stream that people or programs read.
type Output struct {
	w        io.Writer
	terminal bool
	color    bool
	fd       int
}

// New looks at what w is.
func New(w io.Writer, mode Mode) *Output {
	o := &Output{w: w, fd: -1}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.terminal, o.fd = true, int(f.Fd())
	}
	o.color = colored(mode, o.terminal)
	return o
}

// SetMode changes when o is coloured.
func (o *Output) SetMode(mode Mode) { o.color = colored(mode, o.terminal) }

// colored follows no-color.org and the CLICOLOR convention, in this order.
func colored(mode Mode, terminal bool) bool {
	switch {
	case mode == Always:
		return true
	case mode == Never, os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("CLICOLOR_FORCE") != "" && os.Getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return terminal && os.Getenv("TERM") != "dumb"
}

// Write passes bytes on unchanged: data for programs, and files.
func (o *Output) Write(p []byte) (int, error) { return o.w.Write(p) }

// Printf prints one piece of text. There is nobody to tell when the reader of
// our output is gone, so its error is dropped.
func (o *Output) Printf(format string, args ...any) { o.print(fmt.Sprintf(format, args...)) }

// Println prints one line.
func (o *Output) Println(args ...any) { o.print(fmt.Sprintln(args...)) }

// print is the one place where text goes to a screen.
func (o *Output) print(text string) { _, _ = io.WriteString(o.w, o.rendered(text)) }

// rendered is text as a terminal takes it: what others wrote is escaped, and the
// marks of our own colours become those colours.
func (o *Output) rendered(text string) string {
	return colours.Replace(Escape(text))
}

// Size is how many columns and lines the terminal has, 0 where it is none. It is
// asked for at every frame: windows change.
func (o *Output) Size() (width, height int) {
	width, height, err := term.GetSize(o.fd)
	if err != nil {
		return 0, 0
	}
	return width, height
}

// Terminal tells whether a person looks at it.
func (o *Output) Terminal() bool { return o.terminal }

// The colours carry no meaning that the words do not. Until it is printed, text
// holds a mark for each: a noncharacter (Unicode 23.7), which text of others does
// not contain, and which could become nothing but one of these.
const (
	markBold   = "\ufdd1"
	markDim    = "\ufdd2"
	markRed    = "\ufdd3"
	markGreen  = "\ufdd4"
	markYellow = "\ufdd5"
	markCyan   = "\ufdd6"
	markEnd    = "\ufdd0"
)

// colours are the marks as a terminal has them (SGR, ECMA-48).
var colours = strings.NewReplacer(
	markBold, "\x1b[1m", markDim, "\x1b[2m", markRed, "\x1b[31m", markGreen, "\x1b[32m",
	markYellow, "\x1b[33m", markCyan, "\x1b[36m", markEnd, "\x1b[0m")

// isMark tells whether r is a mark: it takes no room.
func isMark(r rune) bool { return r >= '\ufdd0' && r <= '\ufdd6' }

func (o *Output) paint(mark, s string) string {
	if !o.color || s == "" {
		return s
	}
	return mark + s + markEnd
}

// Bold marks what a person looks for first.
func (o *Output) Bold(s string) string { return o.paint(markBold, s) }

// Dim marks what is there for completeness.
func (o *Output) Dim(s string) string { return o.paint(markDim, s) }

// Good, Bad, Warn and Busy mark how something is.
func (o *Output) Good(s string) string { return o.paint(markGreen, s) }

// Bad marks what has failed.
func (o *Output) Bad(s string) string { return o.paint(markRed, s) }

// Warn marks what a person should look at.
func (o *Output) Warn(s string) string { return o.paint(markYellow, s) }

// Busy marks what is going on.
func (o *Output) Busy(s string) string { return o.paint(markCyan, s) }

// Phase colours a phase.
func (o *Output) Phase(p aim.Phase) string {
	switch p {
	case aim.Ready:
		return o.Good(string(p))
	case aim.Failed:
		return o.Bad(string(p))
	case aim.Degraded:
		return o.Warn(string(p))
	case aim.Stopped:
		return o.Dim(string(p))
	}
	return o.Busy(string(p))
}
