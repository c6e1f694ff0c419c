package display

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// Deployments prints one line for each deployment.
func Deployments(o *Output, all []aim.Status, now time.Time) {
	t := Table{Header: []string{"NAME", "MODEL", "PHASE", "READY", "SINCE", "GPUS", "NODES", "NOTE"}}
	for _, s := range all {
		ready, gpus := 0, 0
		var nodes []string
		for _, r := range s.Replicas {
			if r.Phase.Final() {
				continue // it holds nothing any more
			}
			gpus += len(r.GPUs)
			if r.Phase == aim.Ready {
				ready++
			}
			if r.Node != "" && !slices.Contains(nodes, r.Node) {
				nodes = append(nodes, r.Node)
			}
		}
		slices.Sort(nodes)
		t.Add(o.Bold(s.Name), s.Model, o.Phase(s.Phase), fmt.Sprintf("%d/%d", ready, s.Wanted), age(s.Since, now),
			fmt.Sprint(gpus), orDash(strings.Join(nodes, ",")), deploymentNote(s))
	}
	t.Print(o)
}

func deploymentNote(s aim.Status) string {
	var notes []string
	var live []*aim.Live
	for _, r := range s.Replicas {
		live = append(live, r.Live)
	}
	if load := Load(live...); load != "" {
		notes = append(notes, load)
	}
	if Simulated(s) {
		notes = append(notes, "SIMULATED")
	}
	if s.Reason != "" {
		notes = append(notes, shorten(s.Reason, 80))
	}
	return strings.Join(notes, "; ")
}

// Status prints all there is to say about one deployment.
func Status(o *Output, s aim.Status, now time.Time) {
	head := fmt.Sprintf("%s  %s  %s", o.Bold(s.Name), s.Model, phaseFor(o, s.Phase, s.Since, now))
	if Simulated(s) {
		head += "  " + o.Warn("SIMULATED")
	}
	o.Println(head)
	if s.Reason != "" {
		o.Println(s.Reason)
	}
	for _, r := range s.Replicas {
		o.Println()
		replica(o, s, r, now)
	}
	if len(s.Rejected) > 0 {
		o.Println()
		var sections Sections
		sections.Add("not taken", rejections(s.Rejected))
		sections.Print(o)
	}
}

// replica tells one replica from its phase down to what was tried before.
func replica(o *Output, d aim.Status, r aim.ReplicaStatus, now time.Time) {
	o.Printf("replica %d  %s\n", r.Ordinal, phaseFor(o, r.Phase, r.Since, now))
	var s Sections
	if r.Reason != d.Reason { // said once is enough
		s.Add("  reason", r.Reason)
	}
	s.Add("  next try", nextTry(r, now))
	if r.Attempt > 0 {
		s.Add("  attempt", fmt.Sprintf("%d, on rung %d of %d", r.Attempt, r.Rung, r.Rungs))
	}
	s.Add("  recipe", r.Recipe)
	s.Add("  gives up", r.Loses)
	s.Add("  image", r.Image)
	if r.Phase.Final() {
		s.Add("  was on", r.Node)
	} else {
		s.Add("  node", r.Node)
	}
	s.Add("  GPUs", strings.Join(r.GPUs, " "))
	s.Add("  placed", r.Placed)
	s.Add("  endpoint", r.Endpoint)
	s.Add("  serves", r.Serves)
	s.Add("  now", numbers(r.Live))
	s.Add("  memory", measured(r))
	s.Add("  steps", steps(r.Steps, now))
	s.Add("  tried", tries(r.Tries, now))
	s.Print(o)
}

// phaseFor is a phase and for how long it has been so, "Ready for 5m".
func phaseFor(o *Output, p aim.Phase, since, now time.Time) string {
	if since.IsZero() {
		return o.Phase(p)
	}
	return o.Phase(p) + " for " + Age(now.Sub(since))
}

// age is how long ago something was, "-" where that is not known.
func age(since, now time.Time) string {
	if since.IsZero() {
		return "-"
	}
	return Age(now.Sub(since))
}

// nextTry tells when the next attempt begins, while the replica pauses.
func nextTry(r aim.ReplicaStatus, now time.Time) string {
	if r.NextTry.IsZero() {
		return ""
	}
	if d := r.NextTry.Sub(now); d >= time.Second {
		return "in " + Age(d)
	}
	return "now"
}

// measured lays what the server's log says beside the estimate, a line a term.
func measured(r aim.ReplicaStatus) string {
	m := r.Memory
	if m == nil {
		return ""
	}
	var b strings.Builder
	if r.Simulated {
		b.WriteString("SIMULATED: the log is a stand-in's, and proves no estimate\n")
	}
	for _, term := range termOrder {
		if expected, ok := m.Expected[term]; ok {
			fmt.Fprintf(&b, "%s %s, estimated %s\n", term, termValue(term, m.Found[term]), termValue(term, expected))
		}
	}
	return b.String()
}

// steps tells what each step of the attempt took, in one line.
func steps(all []aim.Step, now time.Time) string {
	var parts []string
	for _, s := range all {
		switch s.Outcome {
		case "":
			parts = append(parts, fmt.Sprintf("%s %s so far", s.Name, Elapsed(since(s.Started, now))))
		case "done":
			parts = append(parts, fmt.Sprintf("%s %s", s.Name, Elapsed(time.Duration(s.Millis)*time.Millisecond)))
		default:
			parts = append(parts, fmt.Sprintf("%s failed (%s)", s.Name, s.Outcome))
		}
	}
	return strings.Join(parts, ", ")
}

// rejections tells each reason once, with the recipes that it turned away.
func rejections(all []aim.Rejection) string {
	var reasons []string
	recipes := map[string][]string{}
	for _, r := range all {
		if recipes[r.Why] == nil {
			reasons = append(reasons, r.Why)
		}
		recipes[r.Why] = append(recipes[r.Why], r.Recipe)
	}
	var b strings.Builder
	for _, why := range reasons {
		fmt.Fprintf(&b, "%s: %s\n", strings.Join(recipes[why], ", "), why)
	}
	return b.String()
}

// Simulated tells whether any replica runs on GPUs that are not real.
func Simulated(s aim.Status) bool {
	return slices.ContainsFunc(s.Replicas, func(r aim.ReplicaStatus) bool { return r.Simulated })
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// shorten keeps table rows on one line.
func shorten(s string, n int) string {
	s = firstLine(s)
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}
