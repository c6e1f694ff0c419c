package options

import (
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Table is the option table of one version of a backend. It is not changed
// after it has been made, so it may be shared.
type Table struct {
	Backend string // "vllm", "sglang" or "tgi"
	Version string // as asked for; "" is the newest known
	Newer   bool   // the version is younger than the newest compared source

	source  *source
	at      int              // position of the compared state that stands for the version
	specs   map[string]*Spec // options that this version has
	others  map[string]*Spec // options that only other versions have
	aliases map[string]string
	words   map[string]string // vLLM's names for options that have another one here
	loose   map[string]bool   // options that can be written in more than one way
	env     map[string]bool   // environment names that this version reads
}

// For returns the table of a backend's version ("0.22.1", "v0.22.1"); "" is
// the newest. It is an error when the backend has no table, or the version is
// older than every table.
func For(backend, version string) (*Table, error) {
	src, err := read(backend)
	if err != nil {
		return nil, err
	}
	at, newer, err := src.refOf(version)
	if err != nil {
		return nil, err
	}
	t := &Table{
		Backend: backend, Version: version, Newer: newer,
		source: src, at: at,
		specs: map[string]*Spec{}, others: map[string]*Spec{},
		aliases: map[string]string{}, words: map[string]string{}, loose: map[string]bool{}, env: map[string]bool{},
	}
	t.fill()
	return t, nil
}

func (t *Table) fill() {
	for i := range t.source.Options {
		spec := &t.source.Options[i]
		if !t.covers(spec.FirstSeen, spec.LastSeen) {
			t.others[spec.Name] = spec
			continue
		}
		t.specs[spec.Name] = spec
		for _, a := range spec.Aliases {
			t.aliases[a] = spec.Name
		}
		if spec.Word != "" {
			t.words[spec.Word] = spec.Name
		}
		t.loose[spec.Name] = spec.Negatable || spec.Word != "" || len(spec.Aliases) > 0
	}
	for _, e := range t.source.Env {
		if t.covers(e.FirstSeen, e.LastSeen) {
			t.env[e.Name] = true
		}
	}
}

// covers tells whether a name that lived from first to last (both may be "")
// exists at the table's compared state.
func (t *Table) covers(first, last string) bool {
	if first != "" && t.source.refIndex(first) > t.at {
		return false
	}
	return last == "" || t.source.refIndex(last) >= t.at
}

// Spec returns what is known of an option by its name without dashes. The
// names of negated flags (no-...) and dotted keys find their option.
func (t *Table) Spec(name string) (Spec, bool) {
	spec, ok := t.specs[t.base(name)]
	if !ok {
		return Spec{}, false
	}
	return *spec, true
}

// Names lists the options of this version, sorted.
func (t *Table) Names() []string { return slices.Sorted(maps.Keys(t.specs)) }

// Key is the setting that an option changes: options with the same key replace
// each other. "no-enable-prefix-caching" and "enable-prefix-caching" share a
// key; a dotted key (compilation-config.mode) is one of its own.
func (t *Table) Key(name string) string {
	if _, plain := t.specs[name]; plain {
		return name
	}
	base := t.base(name)
	if _, tail, dotted := strings.Cut(name, "."); dotted {
		return base + "." + tail
	}
	return base
}

// base finds the option that a name means: its own name, alias or negation, or
// vLLM's name for it.
func (t *Table) base(name string) string {
	own := t.own(name)
	if full, ok := t.words[own]; ok && t.specs[own] == nil {
		return full
	}
	return own
}

// own strips a dotted tail, an alias and a negation from a name, as the
// server's own parser does.
func (t *Table) own(name string) string {
	head, _, _ := strings.Cut(name, ".")
	if full, ok := t.aliases[head]; ok {
		head = full
	}
	if positive, ok := strings.CutPrefix(head, "no-"); ok {
		if spec := t.specs[positive]; spec != nil && spec.Negatable {
			return positive
		}
	}
	return head
}

// Word is vLLM's name for the setting of an option, which is what recipes and
// deployments of every backend may call it: "max-model-len" for sglang's
// "context-length". An option without such a name is its own word.
func (t *Table) Word(name string) string {
	if spec := t.specs[name]; spec != nil && spec.Word == "" {
		return name
	}
	word := t.base(name)
	if spec := t.specs[word]; spec != nil && spec.Word != "" {
		word = spec.Word
	}
	if _, tail, dotted := strings.Cut(name, "."); dotted {
		word += "." + tail
	}
	return word
}

// translated is the option under the name that this backend's parser knows.
func (t *Table) translated(o aim.Option) aim.Option {
	full, ok := t.words[o.Name]
	if !ok || t.specs[t.own(o.Name)] != nil {
		return o
	}
	o.Name = full
	return o
}

// Has tells whether the list sets the option, in any form.
func (t *Table) Has(opts []aim.Option, name string) bool {
	_, ok := t.Get(opts, name)
	return ok
}

// Get returns the option of the list that sets name; the last one counts.
func (t *Table) Get(opts []aim.Option, name string) (aim.Option, bool) {
	key := t.Key(name)
	loose, known := t.loose[key]
	for i := len(opts) - 1; i >= 0; i-- {
		if opts[i].Name == key || (loose || !known) && t.Key(opts[i].Name) == key {
			return opts[i], true
		}
	}
	return aim.Option{}, false
}

// Merge lays over on top of base: an option of over replaces the option of
// base with the same key and drops those that cannot stand beside it, and a whole
// JSON value replaces its dotted keys. The result is sorted by name, and each
// option has this backend's name for it.
func (t *Table) Merge(base, over []aim.Option) []aim.Option {
	base = t.beside(base, over)
	all := make([]keyed, 0, len(base)+len(over))
	for _, o := range base {
		all = t.put(all, o)
	}
	for _, o := range over {
		key := t.Key(o.Name)
		all = slices.DeleteFunc(all, func(k keyed) bool { return k.under(key) })
	}
	for _, o := range over {
		all = t.put(all, o)
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	var merged []aim.Option
	if len(all) > 0 {
		merged = make([]aim.Option, len(all))
	}
	for i := range all {
		merged[i] = all[i].Option
	}
	return merged
}

// keyed is an option with its key.
type keyed struct {
	aim.Option
	key string
}

// under tells whether it is the setting of this key, or a dotted key of it.
func (k *keyed) under(key string) bool {
	rest, ok := strings.CutPrefix(k.key, key)
	return ok && (rest == "" || rest[0] == '.')
}

// beside are the options of base that may stand beside those of over.
func (t *Table) beside(base, over []aim.Option) []aim.Option {
	for _, rule := range t.source.Together {
		if rule.Excludes != "" && t.Has(over, rule.Option) {
			base = t.Without(base, rule.Excludes)
		}
		if rule.Excludes != "" && t.Has(over, rule.Excludes) {
			base = t.Without(base, rule.Option)
		}
	}
	return base
}

// put sets an option; only a repeatable one is added to earlier ones.
func (t *Table) put(all []keyed, o aim.Option) []keyed {
	o = t.translated(o)
	k := keyed{o, t.Key(o.Name)}
	if spec := t.specs[k.key]; spec == nil || !spec.Repeatable {
		all = slices.DeleteFunc(all, func(other keyed) bool { return other.key == k.key })
	}
	return append(all, k)
}

// Without returns the options that set none of the named settings; a name also
// takes its dotted keys with it.
func (t *Table) Without(opts []aim.Option, names ...string) []aim.Option {
	gone := func(o aim.Option) bool {
		k := keyed{o, t.Key(o.Name)}
		return slices.ContainsFunc(names, func(n string) bool { return k.under(t.Key(n)) })
	}
	if !slices.ContainsFunc(opts, gone) {
		return opts
	}
	return slices.DeleteFunc(slices.Clone(opts), gone)
}
