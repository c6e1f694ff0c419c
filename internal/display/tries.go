package display

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// series is one or more attempts in a row that failed alike: on the same rung and node,
// for the same cause.
type series struct {
	first, last aim.Try
	times       int
}

// fold puts attempts that failed alike together, in their order.
func fold(tries []aim.Try) []series {
	var all []series
	for _, t := range tries {
		if n := len(all); n > 0 && alike(all[n-1].last, t) {
			all[n-1].last = t
			all[n-1].times++
			continue
		}
		all = append(all, series{first: t, last: t, times: 1})
	}
	return all
}

func alike(a, b aim.Try) bool {
	return a.Rung == b.Rung && a.Recipe == b.Recipe && a.Node == b.Node && a.Class == b.Class &&
		firstLine(a.Why) == firstLine(b.Why)
}

// DescribeTry tells a failed attempt in one line: which, where, why, and what
// was done about it.
func DescribeTry(t aim.Try) string { return describe(series{first: t, last: t, times: 1}, time.Time{}) }

// describe tells a series in one line; its age where now is known.
func describe(s series, now time.Time) string {
	t := s.last
	text := fmt.Sprintf("attempt %d", t.Attempt)
	age := ""
	if d := since(t.At, now); d > 0 {
		age = Age(d) + " ago"
	}
	switch {
	case s.times > 1:
		text = fmt.Sprintf("attempts %d to %d (%d times%s)", s.first.Attempt, t.Attempt, s.times, lead(", the last ", age))
	case age != "":
		text += " (" + age + ")"
	}
	text += fmt.Sprintf(", rung %d (%s)", t.Rung, t.Recipe)
	if t.Node != "" {
		text += " on " + t.Node
	}
	text += fmt.Sprintf(" failed: %s error (%s): %s", t.Class.Rule().Family, t.Class, firstLine(t.Why))
	return text + lead("; ", t.Next)
}

// lead is text after its lead, and nothing where there is no text.
func lead(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}

// tries tells the failed attempts, those that failed alike once, with the first lines
// of the newest log.
func tries(all []aim.Try, now time.Time) string {
	var b strings.Builder
	for _, s := range fold(all) {
		b.WriteString(describe(s, now) + "\n")
		for _, l := range s.last.Lines {
			b.WriteString("  | " + l + "\n")
		}
	}
	return b.String()
}
