package backend_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
)

// start is a server that did not come up: what it printed, and what its user
// is to learn from it.
//
//	=== triton-lds
//	backend: vllm
//	from: https://...            the thread or source line whose words these are
//	class: attn
//	next: AITER off              what the ladder does about it
//	says: out of resource        in what the user is told
//
//	ERROR 01-28 03:25:40 ...     the log
type start struct {
	name, backend, from, class, next, says, log string
}

func readStarts(t *testing.T, file string) (all []start) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Split("\n"+string(data), "\n=== ")[1:] {
		head, log, _ := strings.Cut(text, "\n\n")
		lines := strings.Split(head, "\n")
		s := start{name: lines[0], log: strings.TrimSpace(log)}
		for _, line := range lines[1:] {
			key, value, _ := strings.Cut(line, ": ")
			field, known := map[string]*string{
				"backend": &s.backend, "from": &s.from, "class": &s.class, "next": &s.next, "says": &s.says}[key]
			if !known {
				t.Fatalf("%s: %s: what is %q?", file, s.name, line)
			}
			*field = value
		}
		all = append(all, s)
	}
	return all
}

// classified is what a backend makes of the log of a start; where it finds
// nothing, the node tells class start and the exit code.
func classified(t *testing.T, s start) *aim.Failure {
	t.Helper()
	b := backends[s.backend]
	if b == nil {
		t.Fatalf("%s: no backend %q", s.name, s.backend)
	}
	f, ok := b.Classify(s.log, &aim.Exit{Code: 1})
	if !ok {
		return aim.Failf(aim.ClassStart, "the server ended with code 1")
	}
	return f
}

var address = regexp.MustCompile(`^https://github\.com/[\w.-]+/[\w.-]+/(issues/\d+|pull/\d+|blob/\S+)$`)

// Each entry says where its words come from, most are from people's own threads,
// and none stands twice.
func TestStartsAreCited(t *testing.T) {
	all := slices.Concat(readStarts(t, "testdata/starts.txt"), readStarts(t, "testdata/aside.txt"))
	threads, seen := 0, map[string]bool{}
	for _, s := range all {
		if !address.MatchString(s.from) || s.class == "" || s.next == "" || s.says == "" || s.log == "" || seen[s.name] {
			t.Errorf("%s: incomplete, uncited or told twice: %+v", s.name, s)
		}
		seen[s.name] = true
		if !strings.Contains(s.from, "/blob/") {
			threads++
		}
	}
	if len(all) < 60 || threads < 30 {
		t.Errorf("%d starts, %d of them from threads", len(all), threads)
	}
}

func TestStarts(t *testing.T) {
	for _, s := range readStarts(t, "testdata/starts.txt") {
		if f := classified(t, s); string(f.Class) != s.class || !strings.Contains(f.Text(), s.says) {
			t.Errorf("%s: %s, want %s with %q", s.name, f.Text(), s.class, s.says)
		}
	}
}

// The starts that were set aside before the causes were written, alone: how many
// of the causes told are right (precision), and how many of those that have one
// are told it (recall).
func TestStartsSetAside(t *testing.T) {
	starts := readStarts(t, "testdata/aside.txt")
	var told, have, right int
	for _, s := range starts {
		f := classified(t, s)
		if f.Class != aim.ClassStart {
			told++
		}
		if s.class != string(aim.ClassStart) {
			have++
		}
		if string(f.Class) == s.class && f.Class != aim.ClassStart {
			right++
		} else if string(f.Class) != s.class {
			t.Logf("%s: %s, is %s", s.name, f.Text(), s.class)
		}
	}
	precision, recall := float64(right)/float64(max(told, 1)), float64(right)/float64(have)
	t.Logf("%d starts set aside: precision %.2f (%d of %d told), recall %.2f (%d of %d that have a cause)",
		len(starts), precision, right, told, recall, right, have)
	if len(starts) != 20 || precision < 0.9 || recall < 0.8 {
		t.Errorf("causes that were not written for these starts find too few of them, or wrong ones")
	}
}

// What follows a class is what each entry says: a rung that changes something
// about it, or what the class itself leads to.
func TestStartsLeadToWhatHelps(t *testing.T) {
	patch := patches(t)
	for _, s := range slices.Concat(readStarts(t, "testdata/starts.txt"), readStarts(t, "testdata/aside.txt")) {
		next := string(aim.FailureClass(s.class).Rule().Next)
		if next == string(aim.NextRung) {
			next = patch[aim.FailureClass(s.class)]
		}
		if next != s.next {
			t.Errorf("%s: class %s leads to %q, want %q", s.name, s.class, next, s.next)
		}
	}
}

// patches is the first general rule of the catalogue for each class, and what
// has to be another one where no patch of options helps.
func patches(t *testing.T) map[aim.FailureClass]string {
	t.Helper()
	data, err := os.ReadFile("../../recipes/recipe/fallbacks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules []struct {
		ID string
		On []aim.FailureClass
	}
	if err := yaml.Unmarshal(data, &rules); err != nil {
		t.Fatal(err)
	}
	first := map[aim.FailureClass]string{
		aim.ClassArch: "another image", aim.ClassBroken: "another image", aim.ClassMissing: "other weights"}
	for _, r := range rules {
		for _, class := range r.On {
			if first[class] == "" {
				first[class] = r.ID
			}
		}
	}
	return first
}
