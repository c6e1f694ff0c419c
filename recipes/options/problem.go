package options

import (
	"fmt"
	"strings"
)

// Kind of a problem with an option.
type Kind string

// The kinds. Every kind but Reserved and Requires is one that the server's own
// parser refuses, with exit status 2.
const (
	Unknown  Kind = "unknown"  // no version has it
	Removed  Kind = "removed"  // an older version had it
	TooNew   Kind = "too new"  // a newer version has it
	Stray    Kind = "stray"    // a word that belongs to no option
	NoValue  Kind = "no value" // a value is missing
	Flag     Kind = "flag"     // a value was given to a flag
	BadType  Kind = "type"     // the value is not of the option's type
	Choice   Kind = "choice"   // the value is not one of the choices
	BadRange Kind = "range"    // the number is out of range
	Repeated Kind = "repeated" // the server takes it only once
	Requires Kind = "requires" // another option is missing, or contradicts it
	Reserved Kind = "reserved" // AIM Engine sets it itself
)

// Problem says what is wrong with one option, and what to do instead.
type Problem struct {
	Option string // name without dashes, or the stray word
	Kind   Kind
	Why    string
	Hint   string // "" when there is no better advice than to leave it out

	argparse string // what the server's parser would print
}

// String is the problem in one line.
func (p Problem) String() string {
	s := "--" + p.Option + ": " + p.Why
	if p.Kind == Stray {
		s = p.Why
	}
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// Argparse is the message in the form of the server's own option parser
// (Python's argparse), "" for a problem that its parser would not see.
func (p Problem) Argparse() string { return p.argparse }

// Problems is the error that Parse returns.
type Problems []Problem

// Error lists the problems, separated by semicolons.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "; ")
}

// err is nil for no problems, so that a nil Problems never hides in an error.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// problemf makes a problem that the server's parser would report as
// "argument --name: <text>".
func problemf(name string, kind Kind, argparse, format string, args ...any) *Problem {
	return &Problem{Option: name, Kind: kind, Why: fmt.Sprintf(format, args...),
		argparse: fmt.Sprintf("argument --%s: %s", name, argparse)}
}
