package display

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// Running is how far the long steps of each replica are, by ordinal: what
// their activities last said.
type Running map[int][]aim.Progress

func (r Running) find(ordinal int, step string) (aim.Progress, bool) {
	i := slices.IndexFunc(r[ordinal], func(p aim.Progress) bool { return p.Step == step })
	if i < 0 {
		return aim.Progress{}, false
	}
	return r[ordinal][i], true
}

// stepWords says what a step does.
var stepWords = map[string]string{
	"place": "find a place",
	"claim": "claim GPUs",
	"pull":  "pull image",
	"fetch": "fetch weights",
	"start": "start server",
	"prove": "prove that it answers",
	"stop":  "stop server",
}

func stepWord(name string) string {
	if w, ok := stepWords[name]; ok {
		return w
	}
	return name
}

// Progress shows a deployment on its way: its phase, then each replica with
// its failed attempts and the steps of the one at hand.
func Progress(o *Output, s aim.Status, running Running, now time.Time) []Item {
	head := deploymentItem(o, s)
	items := []Item{{Key: head.Key, Line: head.Line}}
	for _, r := range s.Replicas {
		attempt := replicaItem(o, s.Name, r)
		items = append(items, Item{Key: attempt.Key, Line: attempt.Line, Spare: spareOf(r)})
		items = append(items, tryItems(o, s.Name, r, now)...)
		items = append(items, Item{Key: attempt.Key, Fact: attempt.Fact}) // after what came before it
		if r.Loses != "" {
			items = append(items, losesItem(o, s.Name, r))
		}
		if r.Phase == aim.Ready {
			items = append(items, readyItem(o, s.Name, r, now))
			continue
		}
		for i, step := range r.Steps {
			if leaving(r.Phase) && step.Name != "stop" {
				continue // told when they were made
			}
			items = append(items, stepItem(o, s.Name, r, i, running, now))
		}
	}
	// What came of it is told after what has led to it.
	return append(items, Item{Key: head.Key, Fact: head.Fact})
}

// spareOf: a replica that serves is missed less than one that does not; the head counts
// them.
func spareOf(r aim.ReplicaStatus) Spare {
	if r.Phase == aim.Ready {
		return Known
	}
	return Essential
}

// leaving tells whether the attempt is on its way out.
func leaving(p aim.Phase) bool { return p == aim.Stopping || p == aim.Stopped }

// deploymentItem is the head line. The reason is shown where the steps below do
// not say more.
func deploymentItem(o *Output, s aim.Status) Item {
	ready := 0
	for _, r := range s.Replicas {
		if r.Phase == aim.Ready {
			ready++
		}
	}
	note := ""
	switch {
	case waiting(s.Phase) && s.Reason != "":
		note = s.Reason
	case s.Wanted > 1:
		note = fmt.Sprintf("%d of %d replicas ready", ready, s.Wanted)
	}
	item := Item{
		Key:  "deployment",
		Line: fmt.Sprintf("%s  %s  %s", o.Bold(s.Name), s.Model, o.Phase(s.Phase)),
		Fact: fmt.Sprintf("%s: %s", s.Name, s.Phase),
	}
	if note != "" {
		item.Line += o.Dim("  " + note)
		item.Fact += ": " + note
	}
	return item
}

// waiting tells whether the reason says more than the steps do.
func waiting(p aim.Phase) bool {
	return slices.Contains([]aim.Phase{aim.Pending, aim.Placing, aim.Degraded, aim.Failed, aim.Stopped}, p)
}

// replicaItem names the attempt at hand.
func replicaItem(o *Output, name string, r aim.ReplicaStatus) Item {
	text := describeAttempt(r)
	if text == "" {
		return Item{Key: fmt.Sprintf("%d", r.Ordinal), Line: fmt.Sprintf("  replica %d  %s", r.Ordinal, o.Phase(r.Phase))}
	}
	item := Item{Key: fmt.Sprintf("%d", r.Ordinal), Line: fmt.Sprintf("  replica %d  %s  %s", r.Ordinal, o.Phase(r.Phase), text)}
	if r.Simulated {
		item.Line += "  " + o.Warn("SIMULATED")
	}
	if r.Node != "" { // without a place there is little to tell yet
		item.Fact = fmt.Sprintf("%s/%d: %s", name, r.Ordinal, text)
	}
	return item
}

// describeAttempt names the attempt at hand: its number, rung, recipe and
// place; "" before the first.
func describeAttempt(r aim.ReplicaStatus) string {
	if r.Attempt == 0 {
		return ""
	}
	text := fmt.Sprintf("attempt %d, rung %d of %d: %s", r.Attempt, r.Rung, r.Rungs, r.Recipe)
	if r.Node != "" {
		text += fmt.Sprintf(" on %s, %s", r.Node, Count(len(r.GPUs), "GPU", "GPUs"))
	}
	return text
}

// tryItems are the failed attempts; they stay for as long as the status keeps them. A
// pipe is told each, a terminal those that failed alike once.
func tryItems(o *Output, name string, r aim.ReplicaStatus, now time.Time) []Item {
	var items []Item
	for _, t := range r.Tries {
		items = append(items, Item{
			Key:  fmt.Sprintf("%d try %d", r.Ordinal, t.Attempt),
			Fact: fmt.Sprintf("%s/%d: %s", name, r.Ordinal, DescribeTry(t)),
		})
	}
	all := fold(r.Tries)
	for i, s := range all {
		item := Item{
			Key:   fmt.Sprintf("%d tries %d", r.Ordinal, i),
			Line:  "    " + o.Bad("✗") + " " + describe(s, now),
			Spare: Past,
		}
		if i == len(all)-1 && r.Phase != aim.Ready {
			item.Spare = Essential // it is why the replica does not serve
		}
		items = append(items, item)
	}
	return items
}

// readyItem tells where a replica answers, and what its steps have taken.
func readyItem(o *Output, name string, r aim.ReplicaStatus, now time.Time) Item {
	text := "answers at " + r.Endpoint
	if took := steps(r.Steps, now); took != "" {
		text += " (" + took + ")"
	}
	if r.Simulated {
		text += ", SIMULATED"
	}
	return Item{
		Key:   fmt.Sprintf("%d ready", r.Ordinal),
		Line:  "    " + o.Good("✓") + " " + text,
		Fact:  fmt.Sprintf("%s/%d: %s", name, r.Ordinal, text),
		Spare: Past,
	}
}

// losesItem says what the user gives up on this rung, while it can be stopped.
func losesItem(o *Output, name string, r aim.ReplicaStatus) Item {
	text := fmt.Sprintf("rung %d gives up: %s", r.Rung, r.Loses)
	return Item{
		Key:   fmt.Sprintf("%d loses", r.Ordinal),
		Line:  "    " + o.Warn("!") + " " + text,
		Fact:  fmt.Sprintf("%s/%d: %s", name, r.Ordinal, text),
		Spare: Known,
	}
}

// stepItem is one step: running with its bytes, done with its time, or failed
// with its class.
func stepItem(o *Output, name string, r aim.ReplicaStatus, i int, running Running, now time.Time) Item {
	s := r.Steps[i] // a step may stand there twice
	item := Item{Key: fmt.Sprintf("%d.%d.%d %s", r.Ordinal, r.Attempt, i, s.Name)}
	who, word := fmt.Sprintf("%s/%d: ", name, r.Ordinal), stepWord(s.Name)
	took := time.Duration(s.Millis) * time.Millisecond
	if s.Outcome == "" {
		took = since(s.Started, now)
	}
	progress, _ := running.find(r.Ordinal, s.Name)
	row := func(mark, note string) string {
		return strings.TrimRight(fmt.Sprintf("    %s %-22s %8s  %s", mark, word, Elapsed(took), note), " ")
	}
	switch s.Outcome {
	case "":
		item.Spare = Useful
		item.Line = row(o.Busy(spinner(took.Milliseconds())), o.Dim(describeProgress(progress, r.Reason)))
		item.Fact = who + word
		if progress.Note != "" {
			item.Fact += ": " + progress.Note
		}
	case "done":
		item.Spare = Past
		item.Line = row(o.Good("✓"), "")
		item.Fact = fmt.Sprintf("%s%s: done in %s", who, word, Elapsed(took))
	default:
		item.Line = row(o.Bad("✗"), s.Outcome)
		item.Fact = fmt.Sprintf("%s%s: failed after %s (%s)", who, word, Elapsed(took), s.Outcome)
	}
	return item
}

// describeProgress is what a running step says of itself, else why its replica
// waits.
func describeProgress(p aim.Progress, reason string) string {
	var parts []string
	if p.Done > 0 || p.Total > 0 {
		parts = append(parts, Moved(p.Done, p.Total))
	}
	if p.Note != "" {
		parts = append(parts, p.Note)
	}
	if len(parts) == 0 {
		return reason
	}
	return strings.Join(parts, ", ")
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return first
}
