package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
)

// The exit codes of every command.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitNoCapacity  = 3   // no node has room, or no recipe runs the model
	ExitTimeout     = 4   // stopped waiting; what was asked for goes on
	exitInterrupted = 130 // as shells have it for Ctrl-C
)

// Problem is an error with what to do about it in words, the next command to
// type, and its exit code where the class of the error does not tell it.
type Problem struct {
	Err  error
	Hint string
	Next string
	Code int // 0 = by class
}

func (p *Problem) Error() string { return p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }

// Next adds the next command to type to an error, unless it has one.
func Next(err error, format string, args ...any) error {
	if err == nil || NextOf(err) != "" {
		return err
	}
	return &Problem{Err: err, Next: fmt.Sprintf(format, args...), Code: CodeOf(err)}
}

// Usage is a command line that cannot be carried out as it is.
func Usage(format string, args ...any) error {
	return &Problem{Err: fmt.Errorf(format, args...), Code: ExitUsage}
}

// Failed is an error of the ordinary kind.
func Failed(format string, args ...any) error {
	return &Problem{Err: fmt.Errorf(format, args...), Code: ExitFailed}
}

// Quiet ends a command with a code when everything has been said.
type Quiet int

func (q Quiet) Error() string { return fmt.Sprintf("exit code %d", int(q)) }

// ErrTimeout and ErrInterrupted end a wait, never the work.
var (
	ErrTimeout     = errors.New("stopped waiting")
	ErrInterrupted = errors.New("interrupted")
)

// CodeOf is the one place where errors become exit codes.
func CodeOf(err error) int {
	var p *Problem
	var q Quiet
	var f *aim.Failure
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &q):
		return int(q)
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, ErrTimeout):
		return ExitTimeout
	case errors.As(err, &p) && p.Code != 0:
		return p.Code
	case errors.As(err, &f):
		return codeOfClass(f.Class)
	}
	return ExitFailed
}

// codeOfClass: a bad value is a usage error wherever it was found.
func codeOfClass(c aim.FailureClass) int {
	switch c {
	case aim.ClassInput:
		return ExitUsage
	case aim.ClassCapacity, aim.ClassNoRecipe:
		return ExitNoCapacity
	}
	return ExitFailed
}

// NextOf is the next command to type after an error, or "".
func NextOf(err error) string {
	var p *Problem
	if errors.As(err, &p) && p.Next != "" {
		return p.Next
	}
	var f *aim.Failure
	if errors.As(err, &f) && aim.IsCommand(f.Hint) {
		return f.Hint
	}
	return ""
}

// hintOf is what to do about an error where that is no command, or "".
func hintOf(err error) string {
	var p *Problem
	if errors.As(err, &p) && p.Hint != "" {
		return p.Hint
	}
	var f *aim.Failure
	if errors.As(err, &f) && !aim.IsCommand(f.Hint) && !strings.Contains(err.Error(), f.Hint) {
		return f.Hint
	}
	return ""
}

// Report is an error as programs read it. Its JSON is a contract.
type Report struct {
	Error    string           `json:"error"`
	Class    aim.FailureClass `json:"class,omitempty"`
	Family   aim.Family       `json:"family,omitempty"`
	ExitCode int              `json:"exit_code"`
	Hint     string           `json:"hint,omitempty"` // what to do about it, in words
	Next     string           `json:"next,omitempty"` // the next command to type
}

// reportOf puts together what a person or a program is told.
func reportOf(err error) Report {
	r := Report{Error: err.Error(), ExitCode: CodeOf(err), Hint: hintOf(err), Next: NextOf(err)}
	var f *aim.Failure
	if errors.As(err, &f) {
		r.Class, r.Family = f.Class, f.Class.Rule().Family
	}
	return r
}

// defaultNext helps where nobody knew better.
func (a *App) defaultNext(cmd *cobra.Command, err error) string {
	switch code := CodeOf(err); {
	case code == ExitUsage && cmd != nil:
		return cmd.CommandPath() + " --help"
	case code == exitInterrupted:
		return ""
	case errors.Is(err, fs.ErrPermission):
		return a.asOwner()
	}
	return "aim doctor"
}

// finish tells an error and returns the exit code.
func (a *App) finish(cmd *cobra.Command, err error) int {
	if err == nil {
		return ExitDone
	}
	if q := Quiet(0); errors.As(err, &q) {
		return int(q)
	}
	r := reportOf(err)
	if r.Next == "" {
		r.Next = a.defaultNext(cmd, err)
	}
	if a.Format == "" && cmd != nil { // the settings were not reached
		a.Format, _ = cmd.Flags().GetString("output")
	}
	if a.Programs() {
		line, _ := json.Marshal(r) // strings and numbers only
		a.Err.Println(string(line))
		return r.ExitCode
	}
	text := r.Error
	if r.Class != "" && !strings.Contains(text, " error (") {
		text = fmt.Sprintf("%s error (%s): %s", r.Family, r.Class, text)
	}
	a.Err.Println(a.Err.Bad("aim: ") + text)
	if r.Hint != "" {
		a.Err.Println("hint: " + r.Hint)
	}
	if r.Next != "" {
		a.Err.Println("next: " + r.Next)
	}
	return r.ExitCode
}
