package node

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"
)

// comesOn tells how many of these lines are progress.
func comesOn(lines ...string) (n int) {
	p := newProgress(func(string) {})
	for _, l := range lines {
		p.at = time.Time{}
		p.line(l)
		if !p.at.IsZero() {
			n++
		}
	}
	return n
}

func repeated(times int, line func(i int) string) (all []string) {
	for i := range times {
		all = append(all, line(i))
	}
	return all
}

func TestProgressIsSomethingNew(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  int
	}{
		"the same line": {repeated(50, func(i int) string {
			return fmt.Sprintf("10:%02d:00 [broadcast.py:1] no free block found within %d s, still waiting", i, 60*i)
		}), 1},
		"the same with its process and times": {repeated(50, func(i int) string {
			return fmt.Sprintf("(EngineCore pid=%d) INFO 12-01 10:%02d:00 [shm_broadcast.py:681] No available shared memory broadcast block found in 60 seconds.", 100+i, i)
		}), 1},
		"our own probes": {repeated(50, func(i int) string {
			return fmt.Sprintf(`INFO: 127.0.0.1:%d - "POST /v1/embeddings HTTP/1.1" 404`, 51000+i)
		}), 0},
		"a stack dump": {[]string{
			"Thread 0x00007f10 (most recent call first):", `  File "/usr/lib/python3.12/selectors.py", line 468 in select`,
			`(EngineCore pid=3)   File "/app/core.py", line 12, in run`, "#3 0x00007f in read ()",
		}, 0},
		"addresses":         {repeated(20, func(i int) string { return fmt.Sprintf("waiting for worker at 10.0.0.%d:a%df", i, i) }), 1},
		"one after another": {[]string{"Loading weights took 3 s", "Dynamo bytecode transform time: 19 s", "Compiling a graph takes 51 s"}, 3},
		"how far it is":     {repeated(8, func(i int) string { return fmt.Sprintf("compiling kernels %d/8", i) }), 8},
		"per cent":          {repeated(8, func(i int) string { return fmt.Sprintf("warm-up: (%d%%) of all", i) }), 8},
		"how far it is not": {repeated(8, func(int) string { return "workers ready: 0/8" }), 1},
		"nothing":           {repeated(8, func(int) string { return "   " }), 0},
	} {
		if got := comesOn(c.lines...); got != c.want {
			t.Errorf("%s: progress %d times, want %d", name, got, c.want)
		}
	}
}

func TestAMilestoneIsProgressOnce(t *testing.T) {
	var told []string
	p := newProgress(func(note string) { told = append(told, note) })
	for _, m := range []string{"loading weights, 0 %", "loading weights, 0 %", "loading weights, 50 %"} {
		p.at = time.Time{}
		p.milestone(m)
	}
	if p.at.IsZero() || strings.Join(told, "; ") != "loading weights, 0 %; loading weights, 50 %" {
		t.Errorf("at %v, told %q", p.at, told)
	}
	p.at = time.Time{}
	p.milestone("loading weights, 0 %")
	if !p.at.IsZero() {
		t.Error("a milestone that was there before is progress")
	}
}

// A server that writes no newline, or what no log has, costs no memory.
func TestReadLineIsBounded(t *testing.T) {
	r := bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", 10<<20)+"\nnext\nlast"), 1024)
	for _, want := range []int{1024, len("next\n"), len("last")} {
		line, err := readLine(r)
		if err != nil || len(line) != want {
			t.Errorf("%d bytes (%v), want %d", len(line), err, want)
		}
	}
	if _, err := readLine(r); err == nil {
		t.Error("no end")
	}
}
