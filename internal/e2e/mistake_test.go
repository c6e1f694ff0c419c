package e2e

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// mistake is a command line that cannot be carried out as it is.
type mistake struct {
	name string
	args []string
	env  []string
	code int
	says []string // in the sentence and the next command
}

// checkRefused asserts that Temporal carries a failure with this class.
func checkRefused(t *testing.T, err error, class aim.FailureClass, says []string) {
	t.Helper()
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		t.Fatalf("ended with %v, want an application error", err)
	}
	if app.Type() != string(class) {
		t.Errorf("the type is %q, want %q", app.Type(), class)
	}
	checkSays(t, app.Message(), says...)
	checkPlain(t, app.Message())
}

// checkMistakes carries the command lines out on the stack, and asserts that
// they have changed nothing.
func checkMistakes(t *testing.T, ctx context.Context, s *stack.Stack, all []mistake) {
	t.Helper()
	const wanted = "WorkflowType IN ('Deployment', 'Replica') AND ExecutionStatus = 'Running'"
	before, err := list(ctx, s, wanted)
	must(t, err)
	claims, err := s.Claims()
	must(t, err)
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			checkMistake(t, m, run(ctx, s.Dir, m.env, m.args...))
		})
	}
	var after []string
	err = stack.Eventually(ctx, func() (bool, error) { // the list is a moment behind
		after, err = list(ctx, s, wanted)
		return !slices.ContainsFunc(after, func(id string) bool { return !slices.Contains(before, id) }), err
	})
	if err != nil {
		t.Errorf("other workflows run than before (%v): %v: %v", before, after, err)
	}
	if now, err := s.Claims(); err != nil || len(now) != len(claims) {
		t.Errorf("claims %+v, %v; before %+v", now, err, claims)
	}
}

// checkMistake asserts that a command ended with its code, one sentence, and one
// next command after it, in words and not in the terms of a library.
func checkMistake(t *testing.T, m mistake, r stack.Result) {
	t.Helper()
	if r.Code != m.code {
		t.Errorf("exit code %d, want %d", r.Code, m.code)
	}
	if r.Out != "" {
		t.Errorf("stdout is for data, and there is none: %q", r.Out)
	}
	lines := strings.Split(strings.TrimSpace(r.Err), "\n")
	first := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "aim: ") })
	said := lines[max(first, 0):]
	hints := 0
	if len(said) == 3 && strings.HasPrefix(said[1], "hint: ") {
		hints = 1
	}
	if first < 0 || len(said) != 2+hints || !strings.HasPrefix(said[len(said)-1], "next: ") {
		t.Errorf("it does not end with one sentence, at most one hint, and one next command:\n%s", r.Err)
	}
	checkSays(t, strings.Join(said, "\n"), m.says...)
	checkPlain(t, r.Err)
	if limit := 10 * time.Second; r.Took > limit {
		t.Errorf("it took %s, more than %s", r.Took, limit)
	}
}

// checkPlain asserts that a text is for people.
func checkPlain(t *testing.T, text string) {
	t.Helper()
	for _, jargon := range []string{
		"desc =", "rpc error", "context deadline exceeded", "no children to pick from", "unable to decode",
		"unmarshal", "specJSON", "interface {}", "<nil>", "%!", "panic:", "goroutine",
	} {
		if strings.Contains(text, jargon) {
			t.Errorf("%q is no sentence for people: %s", jargon, text)
		}
	}
}

// checkNothingRuns asserts that no process has the folder in its arguments.
func checkNothingRuns(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), dir) {
			t.Errorf("still running: %s", bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
		}
	}
}

// command prepares a command line of the program, with a state folder and
// environment of its own.
func command(ctx context.Context, dir string, env []string, args ...string) (cmd *exec.Cmd, said *bytes.Buffer) {
	said = &bytes.Buffer{}
	cmd = exec.CommandContext(ctx, filepath.Join(bin(), "aim"), args...)
	cmd.Env = append(append(config.Environ(os.Environ()), "AIM_DIR="+dir, "NO_COLOR=1"), env...)
	cmd.Stderr = said
	return cmd, said
}

// run carries a command line out, with a state folder and environment of its own.
func run(ctx context.Context, dir string, env []string, args ...string) stack.Result {
	cmd, said := command(ctx, dir, env, args...)
	began := time.Now()
	out, err := cmd.Output()
	r := stack.Result{Out: string(out), Err: said.String(), Code: cmd.ProcessState.ExitCode(), Took: time.Since(began)}
	if cmd.ProcessState == nil {
		r.Err += err.Error()
	}
	return r
}

// listener takes a port of loopback, and says nothing to those who come.
func listener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	return port
}
