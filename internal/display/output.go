package display

import (
	"fmt"
	"io"
	"os"

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

// Write passes bytes on unchanged.
func (o *Output) Write(p []byte) (int, error) { return o.w.Write(p) }

// Printf prints one piece of text. There is nobody to tell when the reader of
// our output is gone, so its error is dropped.
func (o *Output) Printf(format string, args ...any) { fmt.Fprintf(o.w, format, args...) }

// Println prints one line.
func (o *Output) Println(args ...any) { fmt.Fprintln(o.w, args...) }

// Terminal tells whether a person looks at it.
func (o *Output) Terminal() bool { return o.terminal }

// The colours carry no meaning that the words do not.
const (
	codeBold   = "1"
	codeDim    = "2"
	codeRed    = "31"
	codeGreen  = "32"
	codeYellow = "33"
	codeCyan   = "36"
)

func (o *Output) paint(code, s string) string {
	if !o.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Bold marks what a person looks for first.
func (o *Output) Bold(s string) string { return o.paint(codeBold, s) }

// Dim marks what is there for completeness.
func (o *Output) Dim(s string) string { return o.paint(codeDim, s) }

// Good, Bad, Warn and Busy mark how something is.
func (o *Output) Good(s string) string { return o.paint(codeGreen, s) }

// Bad marks what has failed.
func (o *Output) Bad(s string) string { return o.paint(codeRed, s) }

// Warn marks what a person should look at.
func (o *Output) Warn(s string) string { return o.paint(codeYellow, s) }

// Busy marks what is going on.
func (o *Output) Busy(s string) string { return o.paint(codeCyan, s) }

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
