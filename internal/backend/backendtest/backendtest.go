// Package backendtest has what the tests of every backend ask of it. It is for tests
// alone.
package backendtest

import (
	"os"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// Refusal is a rung that must not become a command line.
type Refusal struct {
	Change func(*aim.Rung) // of a rung that is good
	Class  aim.FailureClass
	Says   string
}

// Refused is a Refusal.
func Refused(change func(*aim.Rung), class aim.FailureClass, says string) Refusal {
	return Refusal{Change: change, Class: class, Says: says}
}

// Option makes a rung with this option alone; "" is one without a value.
func Option(name, value string) func(*aim.Rung) {
	return func(r *aim.Rung) { r.Options = []aim.Option{{Name: name, Value: value, Bare: value == ""}} }
}

// Refuses checks that a backend refuses each of the rungs, by name, for its reason.
func Refuses(t *testing.T, b interface {
	Args(rung aim.Rung, host string, port int) ([]string, map[string]string, error)
}, good func(change func(*aim.Rung)) aim.Rung, cases map[string]Refusal) {
	t.Helper()
	for name, c := range cases {
		args, _, err := b.Args(good(c.Change), "0.0.0.0", 8000)
		if f := aim.FailureOf(err); err == nil || f.Class != c.Class || !strings.Contains(f.Why, c.Says) {
			t.Errorf("%s: %v %v, want %s with %q", name, args, err, c.Class, c.Says)
		}
	}
}

// Log reads testdata/NAME.log of the package under test.
func Log(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".log")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Classifies checks that every cause, by the line that tells of it, is found between a start that has gone well so
// far and the reports of the other processes, and that those alone are none.
func Classifies(t *testing.T, b interface {
	Classify(log string, exit *aim.Exit) (*aim.Failure, bool)
}, begun, wrappers string, causes map[string]aim.FailureClass) {
	t.Helper()
	for line, class := range causes {
		f, ok := b.Classify(begun+line+"\n"+wrappers, &aim.Exit{Code: 1})
		if !ok || f.Class != class || len(f.LogLines) == 0 {
			t.Errorf("%s: %v %v, want %s", line, ok, f, class)
		}
	}
	for _, log := range []string{begun, wrappers, ""} {
		if f, ok := b.Classify(log, &aim.Exit{Code: 1}); ok {
			t.Errorf("%v in %.80q", f, log)
		}
	}
}
