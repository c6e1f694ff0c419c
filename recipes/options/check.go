package options

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Check finds everything that this version of the server would refuse in the
// options: names it does not have, values of the wrong type, choices it does
// not know, values given to flags. No problem is an empty list.
func (t *Table) Check(opts []aim.Option) []Problem {
	var problems []Problem
	for _, o := range opts {
		if p := t.checkOne(o); p != nil {
			problems = append(problems, *p)
		}
	}
	return append(problems, t.checkTogether(opts)...)
}

// CheckUser is Check for options that come from a user or a recipe: it also
// refuses those that AIM Engine sets itself (reserved.go). Names in
// allowed are not refused for that reason.
func (t *Table) CheckUser(opts []aim.Option, allowed ...string) []Problem {
	problems := t.Check(opts)
	for _, o := range opts {
		if p := t.checkReserved(o.Name, allowed); p != nil {
			problems = append(problems, *p)
		}
	}
	return problems
}

// CheckChange is CheckUser for options of which some are known to be right: only
// those that are not among them are looked at by themselves.
func (t *Table) CheckChange(known, opts []aim.Option, allowed ...string) []Problem {
	var problems []Problem
	for _, o := range opts {
		if slices.Contains(known, o) {
			continue
		}
		for _, p := range []*Problem{t.checkOne(o), t.checkReserved(o.Name, allowed)} {
			if p != nil {
				problems = append(problems, *p)
			}
		}
	}
	return append(problems, t.checkTogether(opts)...)
}

func (t *Table) checkOne(o aim.Option) *Problem {
	spec, ok := t.specs[t.own(o.Name)]
	if !ok {
		return t.missing(o.Name)
	}
	if _, _, dotted := strings.Cut(o.Name, "."); dotted {
		return checkDotted(spec, o)
	}
	if spec.flag() {
		if o.Bare {
			return nil
		}
		return problemf(o.Name, Flag, fmt.Sprintf("ignored explicit argument '%s'", o.Value), "it is a flag and takes no value, not %q", o.Value)
	}
	if o.Bare && spec.Nargs != "?" {
		return problemf(o.Name, NoValue, "expected one argument", "it needs a value")
	}
	return checkValues(spec, o)
}

// checkDotted checks a dotted key: only options that hold JSON have them. What
// the key means is the server's business.
func checkDotted(spec *Spec, o aim.Option) *Problem {
	if spec.Type != "json" && spec.Type != "str_or_json" {
		return problemf(spec.Name, BadType, "invalid value", "it holds no JSON object, so %q is not a key of it", o.Name)
	}
	if o.Bare {
		return problemf(o.Name, NoValue, "expected one argument", "it needs a value")
	}
	return nil
}

// missing explains an option that this version does not have.
func (t *Table) missing(name string) *Problem {
	base := t.own(name)
	p := &Problem{Option: name, Kind: Unknown, argparse: "unrecognized arguments: --" + name}
	spec, known := t.others[strings.TrimPrefix(base, "no-")]
	if !known {
		spec, known = t.others[base]
	}
	switch {
	case known && t.source.refIndex(spec.FirstSeen) > t.at:
		p.Kind = TooNew
		p.Why = fmt.Sprintf("%s does not have it yet, it came with %s", t.title(), t.source.refName(spec.FirstSeen))
		p.Hint = "use a newer image"
	case known:
		p.Kind = Removed
		p.Why = fmt.Sprintf("%s no longer has it, it was last in %s", t.title(), t.source.refName(spec.LastSeen))
		p.Hint = replacement(spec.Replacement)
	case t.words[base] != "":
		p.Why = fmt.Sprintf("%s has no such option", t.title())
		p.Hint = fmt.Sprintf("%s calls it --%s", t.Backend, t.words[base])
	default:
		p.Why = fmt.Sprintf("%s has no such option", t.title())
		if near := aim.Nearest(base, t.Names()); near != "" {
			p.Hint = fmt.Sprintf("did you mean --%s?", near)
		}
	}
	return p
}

// title names the version for people.
func (t *Table) title() string {
	if t.Version == "" {
		return "the newest known " + t.Backend
	}
	return t.Backend + " " + strings.TrimPrefix(t.Version, "v")
}

func replacement(text string) string {
	why, isNone := strings.CutPrefix(text, "none")
	switch {
	case text == "":
		return "leave it out"
	case isNone:
		return "leave it out" + strings.Replace(why, ": ", ", ", 1)
	case strings.HasPrefix(text, "--"):
		return "use " + text
	}
	return text
}

// checkTogether checks what the server demands across options.
func (t *Table) checkTogether(opts []aim.Option) []Problem {
	var problems []Problem
	for _, rule := range t.source.Together {
		o, ok := t.Get(opts, rule.Option)
		switch {
		case !ok || o.Bare && o.Name != rule.Option: // absent, or negated
		case rule.Needs != "" && !t.Has(opts, rule.Needs):
			problems = append(problems, Problem{Option: rule.Option, Kind: Requires, Why: "it needs --" + rule.Needs, Hint: rule.Hint})
		case rule.Excludes != "" && t.Has(opts, rule.Excludes):
			problems = append(problems, Problem{Option: rule.Option, Kind: Requires,
				Why: "it cannot be given beside --" + rule.Excludes, Hint: "leave one of them out"})
		}
	}
	for _, o := range opts {
		head, _, dotted := strings.Cut(t.Key(o.Name), ".")
		if dotted && t.Has(opts, head) {
			problems = append(problems, Problem{Option: o.Name, Kind: Requires,
				Why: fmt.Sprintf("--%s is given as a whole and by key, and only one of them would count", head), Hint: "use one form"})
		}
	}
	return problems
}
