package options

import (
	"strings"

	"github.com/aim-engine/aim"
)

// Successor is the option that this version has in place of a removed one and
// that takes the same values; ok is false where there is none, or where the
// value would have to be written anew.
func (t *Table) Successor(name string) (successor string, ok bool) {
	old, removed := t.others[strings.TrimPrefix(name, "--")]
	if !removed {
		return "", false
	}
	successor, dashed := strings.CutPrefix(old.Replacement, "--")
	spec := t.specs[successor]
	if !dashed || spec == nil || spec.Type != old.Type || strings.Contains(old.Type, "json") {
		return "", false
	}
	return successor, spec.Nargs == old.Nargs || spec.Nargs == "+" // one value is a list, too
}

// Salvage reads a command line like Parse and returns what this version takes of
// it beside what it would refuse, for whoever brings options over from elsewhere.
func (t *Table) Salvage(args []string) ([]aim.Option, Problems) {
	p := parser{table: t, rest: args}
	for len(p.rest) > 0 {
		p.next()
	}
	var taken []aim.Option
	for _, o := range p.lastWins() {
		if problem := t.checkOne(o); problem != nil {
			p.problems = append(p.problems, *problem)
			continue
		}
		taken = append(taken, o)
	}
	return taken, p.problems
}
