package cause

import (
	"strings"

	"github.com/aim-engine/aim"
)

// reports is the form of a line that ends a traceback, or of a runtime's last
// words: the kind of the error, and what it says.
//
//	AcmeKernelError: tile 7 has no plan for this shape
//	torch._dynamo.exc.TorchRuntimeError: Dynamo failed to run FX node
//	:0:rocdevice.cpp :3020: 318372 us: Queue 0x7f10 aborting with error : HSA_STATUS_ERROR_INVALID_PACKET_FORMAT: ...
var reports = aim.Pattern(`^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Exhausted)(?:: .|$)|^Exception: .|^Fatal Python error: .|^terminate called after|aborting with error : `)

// consequences are errors of a process that loses another one, or is told to end.
var consequences = []string{
	"KeyboardInterrupt", "CancelledError", "SystemExit", "BrokenPipeError", "ConnectionResetError", "EOFError",
	"Connection reset by peer", "RuntimeError: cancelled", "resource_tracker",
}

// reported is the failure that no cause of the list explains: the earliest error
// that a process reports of itself. A process that only passes on what others
// say (front) counts where no other reports one, and what a server says after it
// was up is a request's fault as often as its own, unless an engine says it. at is
// the line's number.
func (d Dialect) reported(lines []Line) (f *aim.Failure, at int, ok bool) {
	up, behind := false, -1
	for i, l := range lines {
		up = up || d.isUp(l)
		front := d.Front != "" && strings.HasPrefix(strings.ToLower(l.Process), d.Front)
		if l.benign() || !reports().MatchString(l.Text) || d.passesOn(l) || up && (front || d.Front == "") {
			continue
		}
		if !front {
			return report(lines, i), i, true
		}
		if behind < 0 {
			behind = i
		}
	}
	if behind < 0 {
		return nil, 0, false
	}
	return report(lines, behind), behind, true
}

func (d Dialect) isUp(l Line) bool { return d.Up != "" && strings.Contains(l.Text, d.Up) }

// passesOn tells whether a line reports the failure of another process.
func (d Dialect) passesOn(l Line) bool {
	for _, words := range [][]string{d.Wrappers, consequences} {
		for _, w := range words {
			if strings.Contains(l.Text, w) {
				return true
			}
		}
	}
	return false
}

// raisedIn says what a failure is about when only the place that raised it
// tells, by a part of the file's path.
var raisedIn = []struct {
	path  string
	class aim.FailureClass
	hint  string
}{
	{"/aiter/", aim.ClassAttention, hintKernel},
	{"/flash_attn/", aim.ClassAttention, hintKernel},
	{"/triton/", aim.ClassAttention, hintKernel},
	{"/attention/backends/", aim.ClassAttention, hintKernel},
	{"/torch/distributed/", aim.ClassComm, hintComm},
	{"/huggingface_hub/", aim.ClassWeights, hintHub},
}

// report makes a failure of the error at a line: of the class of the code that
// raised it where that is told, else of class start.
func report(lines []Line, at int) *aim.Failure {
	f := &aim.Failure{Class: aim.ClassStart, Why: cut(sentence(lines, at)), LogLines: excerpt(lines, at)}
	place := raisedAt(lines, at)
	for _, r := range raisedIn {
		if strings.Contains(place, r.path) {
			f.Class, f.Hint = r.class, r.hint
			break
		}
	}
	if f.Class == aim.ClassStart {
		f.Fingerprint = aim.Fingerprint(f.Why)
	}
	return f
}

// sentence is what an error says. A validator's first line only counts its
// errors, and an assertion without words is told with its code.
func sentence(lines []Line, at int) string {
	text := strings.TrimSpace(lines[at].Text)
	switch {
	case strings.Contains(text, "validation error"):
		if more := next(lines, at, 1); more != "" {
			return more
		}
	case !strings.Contains(text, ":"):
		if code := next(lines, at, -1); code != "" {
			return text + ": " + code
		}
	}
	return text
}

// raisedAt is the last file that a traceback names before its error.
func raisedAt(lines []Line, at int) string {
	const most = 40 // lines of one traceback's tail
	for i := at - 1; i >= 0 && i >= at-most; i-- {
		if lines[i].Process != lines[at].Process {
			continue
		}
		if place, ok := strings.CutPrefix(strings.TrimSpace(lines[i].Text), `File "`); ok {
			return place
		}
		if reports().MatchString(lines[i].Text) {
			break
		}
	}
	return ""
}

// next is the line that the same process wrote after (1) or before (-1) one.
func next(lines []Line, at, step int) string {
	for i := at + step; i >= 0 && i < len(lines); i += step {
		text := strings.Trim(lines[i].Text, " ^~")
		if lines[i].Process == lines[at].Process && text != "" {
			return text
		}
	}
	return ""
}
