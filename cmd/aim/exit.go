package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
)

// The exit codes of every command.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNoCapacity  = 3   // no node has room, or no recipe runs the model
	exitTimeout     = 4   // stopped waiting; what was asked for goes on
	exitInterrupted = 130 // as shells have it for Ctrl-C
)

// problem is an error with the next command to type, and its exit code where
// the class of the error does not tell it.
type problem struct {
	err  error
	next string
	code int // 0 = by class
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// next adds the next command to type to an error, unless it has one.
func next(err error, format string, args ...any) error {
	if err == nil || nextOf(err) != "" {
		return err
	}
	return &problem{err: err, next: fmt.Sprintf(format, args...), code: codeOf(err)}
}

// usage is a command line that cannot be carried out as it is.
func usage(format string, args ...any) error {
	return &problem{err: fmt.Errorf(format, args...), code: exitUsage}
}

// failed is an error of the ordinary kind.
func failed(format string, args ...any) error {
	return &problem{err: fmt.Errorf(format, args...), code: exitFailed}
}

// quiet ends a command with a code when everything has been said.
type quiet int

func (q quiet) Error() string { return fmt.Sprintf("exit code %d", int(q)) }

// errTimeout and errInterrupted end a wait, never the work.
var (
	errTimeout     = errors.New("stopped waiting")
	errInterrupted = errors.New("interrupted")
)

// codeOf is the one place where errors become exit codes.
func codeOf(err error) int {
	var p *problem
	var q quiet
	var f *aim.Failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &q):
		return int(q)
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errTimeout):
		return exitTimeout
	case errors.As(err, &p) && p.code != 0:
		return p.code
	case errors.As(err, &f):
		return codeOfClass(f.Class)
	}
	return exitFailed
}

// codeOfClass: a bad value is a usage error wherever it was found.
func codeOfClass(c aim.Class) int {
	switch c {
	case aim.ClassInput:
		return exitUsage
	case aim.ClassCapacity, aim.ClassNoRecipe:
		return exitNoCapacity
	}
	return exitFailed
}

// nextOf is the next command to type after an error, or "".
func nextOf(err error) string {
	var p *problem
	if errors.As(err, &p) && p.next != "" {
		return p.next
	}
	var f *aim.Failure
	if errors.As(err, &f) {
		return f.Hint
	}
	return ""
}

// report is an error as programs read it. Its JSON is a contract.
type report struct {
	Error    string     `json:"error"`
	Class    aim.Class  `json:"class,omitempty"`
	Family   aim.Family `json:"family,omitempty"`
	ExitCode int        `json:"exit_code"`
	Next     string     `json:"next,omitempty"`
}

// reportOf puts together what a person or a program is told.
func reportOf(cmd *cobra.Command, err error) report {
	r := report{Error: err.Error(), ExitCode: codeOf(err), Next: nextOf(err)}
	var f *aim.Failure
	if errors.As(err, &f) {
		r.Class, r.Family = f.Class, f.Class.Rule().Family
	}
	if r.Next == "" {
		r.Next = defaultNext(cmd, r.ExitCode)
	}
	return r
}

// defaultNext helps where nobody knew better.
func defaultNext(cmd *cobra.Command, code int) string {
	if code == exitUsage && cmd != nil {
		return cmd.CommandPath() + " --help"
	}
	if code == exitInterrupted {
		return ""
	}
	return "aim doctor"
}

// finish tells an error and returns the exit code.
func (a *app) finish(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	if q := quiet(0); errors.As(err, &q) {
		return int(q)
	}
	r := reportOf(cmd, err)
	if a.format == "" && cmd != nil { // the settings were not reached
		a.format, _ = cmd.Flags().GetString("output")
	}
	if a.programs() {
		line, _ := json.Marshal(r) // strings and numbers only
		a.err.Println(string(line))
		return r.ExitCode
	}
	text := r.Error
	if r.Class != "" && !strings.Contains(text, " error (") {
		text = fmt.Sprintf("%s error (%s): %s", r.Family, r.Class, text)
	}
	a.err.Println(a.err.Bad("aim: ") + text)
	if r.Next != "" {
		a.err.Println("next: " + r.Next)
	}
	return r.ExitCode
}
