package display

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Plan tells a plan: what would run, where, why, and what comes after it.
func Plan(o *Output, plan aim.Plan) {
	p := planned{plan}
	spec := p.Spec.Defaulted()
	o.Printf("%s  %s  %s\n", o.Bold(spec.Name), spec.Model, Count(spec.Replicas, "replica", "replicas"))
	var s Sections
	if r := p.Rung; r != nil {
		s.Add("recipe", fmt.Sprintf("%s (rung %d of %d)\n%s", r.Recipe, r.Number, len(p.Ladder.Rungs), r.Why))
		s.Add("gives up", r.Loses)
		s.Add("GPUs", fmt.Sprintf("%d x %s", r.GPUs*max(r.Nodes, 1), r.GPUType))
		s.Add("precision", r.Precision)
		s.Add("memory", Memory(r.Memory))
		s.Add("image", r.Image)
		s.Add("backend", strings.TrimSpace(r.Backend+" "+r.Version))
		s.Add("arguments", optionLines(p.Args))
		s.Add("environment", pairs(r.Env))
	}
	if p.Change != nil {
		s.Add("change", Change(o, *p.Change))
	}
	s.Add("place", p.places(o))
	if q := p.Queue; q != nil {
		s.Add("queue", fmt.Sprintf("it would be %d of %d who wait", q.Position, q.Of))
	}
	s.Add("skipped", p.skipped())
	s.Add("if it fails", p.fallbacks())
	s.Add("not taken", rejections(p.Ladder.Rejected))
	s.Add("fleet", fleetText(p.Fleet))
	s.Add("answered by", p.Local)
	s.Print(o)
}

// planned is a plan with its texts.
type planned struct{ aim.Plan }

// places tells where each replica would go; the decision itself says why.
func (p planned) places(o *Output) string {
	var b strings.Builder
	for i, d := range p.Placements {
		if len(p.Placements) > 1 {
			fmt.Fprintf(&b, "replica %d: ", i)
		}
		switch d.Outcome {
		case aim.Place:
			fmt.Fprintf(&b, "%s\n%s\n", o.Good(where(d)), d)
		case aim.Wait:
			fmt.Fprintf(&b, "%s\n%s\n", o.Warn("not now; it would wait"), d)
		default:
			fmt.Fprintf(&b, "%s\n%s\n", o.Bad("does not fit"), d)
		}
	}
	return b.String()
}

// where names nodes and GPUs of a placement.
func where(d aim.Decision) string {
	var parts []string
	for _, r := range d.Placement.Ranks {
		parts = append(parts, r.Node+": "+strings.Join(r.GPUs, " "))
	}
	return strings.Join(parts, "; ")
}

// skipped tells the rungs that were passed over, with what would make them fit.
func (p planned) skipped() string {
	var b strings.Builder
	for _, s := range p.Skipped {
		fmt.Fprintf(&b, "rung %d: %s: %s\n", s.Rung, s.Recipe, s.Decision)
	}
	return b.String()
}

// fallbacks tells the rungs below the one that would run.
func (p planned) fallbacks() string {
	if p.Rung == nil {
		return ""
	}
	var b strings.Builder
	for _, r := range p.Ladder.Rungs {
		if r.Number <= p.Rung.Number {
			continue
		}
		fmt.Fprintf(&b, "rung %d: %s", r.Number, r.Recipe)
		if r.Patch != "" {
			fmt.Fprintf(&b, " (%s)", r.Patch)
		}
		if len(r.On) > 0 {
			fmt.Fprintf(&b, ", after %s", classes(r.On))
		}
		if r.Loses != "" {
			fmt.Fprintf(&b, "; gives up: %s", r.Loses)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// shownClasses is how many classes a line has room for.
const shownClasses = 4

// classes names the first few; the JSON has all.
func classes(all []aim.FailureClass) string {
	var words []string
	for _, c := range all[:min(len(all), shownClasses)] {
		words = append(words, string(c))
	}
	if n := len(all) - shownClasses; n > 0 {
		words = append(words, Count(n, "other class", "other classes"))
	}
	return strings.Join(words, " or ")
}

// fleetText says in one line what the plan was made against.
func fleetText(f aim.PlanFleet) string {
	if !f.Known {
		return "not asked: " + f.Why
	}
	text := fmt.Sprintf("%s, %s", Count(f.Nodes, "node", "nodes"), Count(f.GPUs, "GPU", "GPUs"))
	if f.Simulated {
		text += ", SIMULATED"
	}
	return text
}

// Change tells what becomes of a deployment that runs: which fields of its spec
// change, and what that does to each replica.
func Change(o *Output, c aim.SpecChange) string {
	if len(c.Fields) == 0 {
		return "nothing to change\n"
	}
	var b strings.Builder
	for _, f := range c.Fields {
		fmt.Fprintf(&b, "%s: %s -> %s\n", f.Field, f.Before, o.Bold(string(f.After)))
	}
	for _, r := range c.Replicas {
		does := r.Does
		if r.Serves && (does == aim.ReplicaRestarts || does == aim.ReplicaStops) {
			does = o.Warn(does) + "; it serves now"
		}
		if does == aim.ReplicaReplaced {
			does = "is replaced by one that is ready before it stops"
		}
		if r.Node != "" {
			does = "on " + r.Node + " " + does
		}
		fmt.Fprintf(&b, "replica %d %s\n", r.Ordinal, does)
	}
	return b.String()
}

// termOrder is how an estimate is read: what there is, what takes it, what is
// left. Other terms follow by name.
var termOrder = []string{"total", "budget", "weights", "activations", "overhead", "graphs",
	"free_for_kv", "kv_needed", "state_per_sequence", "kv_per_token", "kv_tokens"}

// Memory tells an estimate term by term.
func Memory(e aim.Estimate) string {
	if e.Verdict == "" && e.Why == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(cmp.Or(string(e.Verdict), "unknown"))
	if e.Why != "" {
		b.WriteString(": " + e.Why)
	}
	names := slices.SortedFunc(maps.Keys(e.Terms), func(x, y string) int {
		return cmp.Or(cmp.Compare(termRank(x), termRank(y)), cmp.Compare(x, y))
	})
	for _, name := range names {
		fmt.Fprintf(&b, "\n%-14s %10s", name, termValue(name, e.Terms[name]))
	}
	if e.Basis != "" {
		b.WriteString("\n" + e.Basis)
	}
	for _, note := range e.Notes {
		b.WriteString("\nnote: " + note)
	}
	return b.String()
}

func termRank(name string) int {
	if i := slices.Index(termOrder, name); i >= 0 {
		return i
	}
	return len(termOrder)
}

// termValue writes a term in its unit: tokens where the name says so, else bytes.
func termValue(name string, value float64) string {
	if strings.HasSuffix(name, "_tokens") {
		return fmt.Sprintf("%.0f", value)
	}
	return Bytes(value)
}

// optionLines puts an option and its value on one line each.
func optionLines(args []string) string {
	var b strings.Builder
	for i, a := range args {
		switch {
		case i == 0:
		case strings.HasPrefix(a, "-"):
			b.WriteString("\n")
		default:
			b.WriteString(" ")
		}
		b.WriteString(a)
	}
	return b.String()
}
