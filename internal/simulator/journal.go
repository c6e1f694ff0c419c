package simulator

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// The processes of a vLLM server whose names stand before its log lines. Here
// they are all one.
const (
	apiServer  = "APIServer"
	engineCore = "EngineCore"
	worker     = "Worker_TP0"
)

// journal writes log lines in vLLM's shape:
//
//	(EngineCore pid=41873) INFO 11-21 10:04:05 [gpu_worker.py:521] Available KV cache memory: 105.13 GiB
//
// Tracebacks of uncaught exceptions go to stderr, everything else to stdout.
type journal struct {
	out, err io.Writer
	pid      int
}

func newJournal(out, err io.Writer) *journal {
	return &journal{out: out, err: err, pid: os.Getpid()}
}

// info writes one line of a process; source is the file and line that vLLM's own
// log names.
func (j *journal) info(process, source, format string, args ...any) {
	j.line(j.out, process, "INFO", source, fmt.Sprintf(format, args...))
}

// fault writes lines of level ERROR.
func (j *journal) fault(process, source string, lines ...string) {
	for _, line := range lines {
		j.line(j.out, process, "ERROR", source, line)
	}
}

func (j *journal) line(w io.Writer, process, level, source, text string) {
	j.print(w, fmt.Sprintf("(%s pid=%d) %s %s [%s] %s", process, j.pid, level, time.Now().Format("01-02 15:04:05"), source, text))
}

// raise writes an uncaught exception of a process.
func (j *journal) raise(process string, lines ...string) {
	for _, line := range lines {
		j.print(j.err, fmt.Sprintf("(%s pid=%d) %s", process, j.pid, line))
	}
}

// plain writes a line of a library that has no prefix.
func (j *journal) plain(format string, args ...any) { j.print(j.out, fmt.Sprintf(format, args...)) }

// complain is plain for stderr.
func (j *journal) complain(format string, args ...any) { j.print(j.err, fmt.Sprintf(format, args...)) }

// print writes a line; a log that cannot be written must not stop a server.
func (j *journal) print(w io.Writer, line string) {
	_, _ = io.WriteString(w, line+"\n")
}

// clock writes a duration as minutes and seconds.
func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// traceback is a Python traceback with the given frames and the cause, which may
// have several lines. There is no source behind the line numbers.
func traceback(frames []string, cause string) []string {
	lines := []string{"Traceback (most recent call last):"}
	for _, frame := range frames {
		file, function, _ := strings.Cut(frame, ":")
		lines = append(lines, fmt.Sprintf("  File \"/usr/local/lib/python3.12/dist-packages/%s.py\", line 1, in %s", file, function))
	}
	return append(lines, strings.Split(cause, "\n")...)
}
