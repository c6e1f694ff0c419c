package options

import (
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

// Parse reads the options of a command line (everything after the model) by
// the server's own rules. --name=value equals --name value everywhere; vLLM and
// SGLang take a unique prefix or an alias for the full name, and the last of two
// equal options counts; vLLM alone also reads underscores as dashes, --no-name as
// the negation of a flag, and 32k as 32000. The result has full names and plain
// numbers, in order. The error is of type Problems; it lists all that the server
// would refuse.
func (t *Table) Parse(args []string) ([]aim.Option, error) {
	p := parser{table: t, rest: args}
	for len(p.rest) > 0 {
		p.next()
	}
	opts := p.opts
	if t.source.Rules.LastWins {
		opts = p.lastWins()
	} else {
		p.refuseRepeats()
	}
	for _, problem := range t.Check(opts) {
		if !p.reported(problem.Option) {
			p.problems = append(p.problems, problem)
		}
	}
	if err := p.problems.err(); err != nil {
		return nil, err
	}
	return opts, nil
}

type parser struct {
	table    *Table
	rest     []string // not yet read
	opts     []aim.Option
	problems Problems
}

// next reads one option with its values.
func (p *parser) next() {
	word := p.rest[0]
	p.rest = p.rest[1:]
	if !isOption(word) {
		p.stray(word)
		return
	}
	name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
	name, expanded := p.table.expand(name, strings.HasPrefix(word, "--"))
	if level, ok := strings.CutPrefix(name, "O"); ok && !hasValue && !expanded && isDigits(level) && p.table.specs["optimization-level"] != nil {
		name, value, hasValue = "optimization-level", level, true // -O3
	}
	spec, known := p.table.specs[p.table.own(name)]
	if !known {
		p.problems = append(p.problems, *p.table.missing(name))
		p.skipValues()
		return
	}
	o := aim.Option{Name: name, Value: value}
	if !hasValue {
		o = p.values(spec, o)
	}
	o.Value = normalize(spec, o)
	p.opts = append(p.opts, o)
}

// values takes the words that follow as the option's values.
func (p *parser) values(spec *Spec, o aim.Option) aim.Option {
	dotted := strings.Contains(o.Name, ".")
	most := 1
	switch {
	case spec.flag() && !dotted:
		most = 0
	case spec.Nargs == "+":
		most = len(p.rest)
	}
	var taken []string
	for len(taken) < most && len(p.rest) > 0 && !isOption(p.rest[0]) {
		taken = append(taken, p.rest[0])
		p.rest = p.rest[1:]
	}
	o.Value, o.Bare = strings.Join(taken, " "), len(taken) == 0
	return o
}

// skipValues passes over what were the values of an unknown option, which
// would only be reported a second time.
func (p *parser) skipValues() {
	for len(p.rest) > 0 && !isOption(p.rest[0]) {
		p.rest = p.rest[1:]
	}
}

func (p *parser) stray(word string) {
	why := "\"" + word + "\" belongs to no option"
	if n := len(p.opts); n > 0 && p.opts[n-1].Bare {
		why = "\"" + word + "\" follows the flag --" + p.opts[n-1].Name + ", which takes no value"
	}
	p.problems = append(p.problems, Problem{Option: word, Kind: Stray, Why: why, argparse: "unrecognized arguments: " + word})
}

func (p *parser) reported(name string) bool {
	for _, problem := range p.problems {
		if problem.Option == name {
			return true
		}
	}
	return false
}

// lastWins drops the earlier ones of options that set the same thing, except
// for those that may be repeated.
func (p *parser) lastWins() []aim.Option {
	var kept []aim.Option
	for i, o := range p.opts {
		key, later := p.table.Key(o.Name), false
		for _, other := range p.opts[i+1:] {
			later = later || p.table.Key(other.Name) == key
		}
		if spec := p.table.specs[key]; !later || spec != nil && spec.Repeatable {
			kept = append(kept, o)
		}
	}
	return kept
}

// refuseRepeats reports options that are given more than once, for parsers that
// take each only once.
func (p *parser) refuseRepeats() {
	seen := map[string]bool{}
	for _, o := range p.opts {
		key := p.table.Key(o.Name)
		if spec := p.table.specs[key]; seen[key] && (spec == nil || !spec.Repeatable) {
			p.problems = append(p.problems, *problemf(o.Name, Repeated, "cannot be used multiple times", "it is given more than once"))
		}
		seen[key] = true
	}
}

// expand turns a written name into the full one: underscores to dashes, short
// names and unique prefixes resolved, a dotted tail kept as it is.
func (t *Table) expand(written string, long bool) (name string, expanded bool) {
	head, tail, dotted := strings.Cut(written, ".")
	if dotted {
		tail = "." + tail
	}
	if full, ok := t.aliases[head]; ok {
		return full + tail, true
	}
	if !long {
		return head + tail, false
	}
	if t.source.Rules.Underscores {
		head = strings.ReplaceAll(head, "_", "-")
	}
	if full, ok := t.aliases[head]; ok {
		return full + tail, true
	}
	if _, ok := t.specs[t.own(head)]; ok {
		return head + tail, false
	}
	if full, ok := t.uniquePrefix(head); ok && t.source.Rules.Prefixes {
		return full + tail, true
	}
	return head + tail, false
}

// uniquePrefix finds the one option that begins with the prefix. Negated flags
// count as options of their own.
func (t *Table) uniquePrefix(prefix string) (string, bool) {
	var found []string
	for _, name := range t.Names() {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
		if t.specs[name].Negatable && strings.HasPrefix("no-"+name, prefix) {
			found = append(found, "no-"+name)
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

var negativeNumber = aim.Pattern(`^-\d+$|^-\d*\.\d+$`)

// isOption tells whether a word starts an option; a negative number is a value.
func isOption(word string) bool {
	return len(word) > 1 && word[0] == '-' && !negativeNumber().MatchString(word)
}

func isDigits(s string) bool {
	_, err := strconv.ParseUint(s, 10, 8)
	return err == nil
}

// normalize writes human numbers as plain ones, so that nobody else has to
// know the suffixes; -1 as a length is the older spelling of auto.
func normalize(spec *Spec, o aim.Option) string {
	if spec.Type != "human_int" && spec.Type != "human_int_or_auto" {
		return o.Value
	}
	n, ok := HumanInt(o.Value)
	switch {
	case !ok:
		return o.Value
	case n == -1 && spec.Type == "human_int_or_auto":
		return "auto"
	}
	return strconv.FormatInt(n, 10)
}
