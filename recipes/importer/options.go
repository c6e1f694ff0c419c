package importer

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// ours are options that a recipe states in fields of its own.
var ours = map[string]string{
	"tensor-parallel-size":         "hardware.gpu_count says it",
	"distributed-executor-backend": "AIM Engine starts one process a GPU by itself",
	"no-trust-remote-code":         "AIM Engine never trusts remote code by itself",
	"trust-remote-code":            "a node runs code of a repository only where its operator allows it (node.remote_code); add trust_remote_code: true for a model that needs it",
}

// take brings options over: those that the table knows and that are a recipe's
// to set.
func (b *builder) take(table *options.Table, opts []aim.Option) {
	for _, o := range opts {
		word := table.Word(o.Name)
		switch {
		case ours[o.Name] != "":
			b.note("--%s is left out: %s", o.Name, ours[o.Name])
			continue
		case word == "tool-call-parser":
			b.recipe.Features.ToolCallParser = o.Value
		case word == "reasoning-parser":
			b.recipe.Features.ReasoningParser = o.Value
		case word == "enable-auto-tool-choice":
			continue // follows from the parser
		default:
			if problems := table.CheckUser([]aim.Option{o}); len(problems) > 0 {
				b.note("--%s is left out: %s", o.Name, problems[0].Why)
				continue
			}
			b.set(table, o)
			continue
		}
		b.sets = append(b.sets, strings.ReplaceAll(word, "-", "_"))
	}
}

// set writes an option as a recipe does: underscores, numbers as numbers, a
// negated flag as false.
func (b *builder) set(table *options.Table, o aim.Option) {
	if b.recipe.Config == nil {
		b.recipe.Config = map[string]any{}
	}
	name, value := o.Name, any(true)
	switch {
	case o.Bare && table.Key(name) != name && strings.HasPrefix(name, "no-"):
		name, value = table.Key(name), false
	case !o.Bare:
		value = typed(o.Value)
	}
	head, tail, dotted := strings.Cut(name, ".")
	name = strings.ReplaceAll(head, "-", "_")
	if dotted {
		name += "." + tail
	}
	b.recipe.Config[name] = value
	b.sets = append(b.sets, name)
}

// typed reads a value as YAML would write it.
func typed(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return int(n)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == text {
		return f
	}
	var object map[string]any
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &object) == nil {
		return object
	}
	return text
}

// takeMap brings over options that are written as a map.
func (b *builder) takeMap(table *options.Table, args map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(args)) {
		o, ok, problem := table.FromValue(name, args[name])
		if problem != nil {
			if o, ok = b.renamed(table, name, args[name], problem); !ok {
				continue
			}
		}
		if ok {
			b.take(table, []aim.Option{o})
		}
	}
}

// takeArgs brings over options that are written as a command line.
func (b *builder) takeArgs(table *options.Table, args []string) {
	args = slices.Clone(args)
	for i, word := range args {
		name, value, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if successor, ok := table.Successor(strings.ReplaceAll(name, "_", "-")); ok && strings.HasPrefix(word, "--") {
			b.note("--%s is now --%s", name, successor)
			args[i] = strings.TrimSuffix("--"+successor+"="+value, "=")
		}
	}
	opts, problems := table.Salvage(args)
	b.take(table, opts)
	for _, p := range problems {
		b.note("%s is dropped: %s", dashed(p.Option), p.Why)
	}
}

// renamed looks for the option that took a removed one's place.
func (b *builder) renamed(table *options.Table, name string, value any, problem *options.Problem) (aim.Option, bool) {
	if successor, ok := table.Successor(strings.ReplaceAll(name, "_", "-")); ok {
		if o, set, wrong := table.FromValue(successor, value); set && wrong == nil {
			b.note("--%s is now --%s", name, successor)
			return o, true
		}
	}
	b.note("%s is dropped: %s", dashed(name), problem.Why)
	return aim.Option{}, false
}

func dashed(name string) string {
	if strings.HasPrefix(name, "-") {
		return name
	}
	return "--" + name
}

// takeEnv brings over environment that this version reads and a recipe may set.
func (b *builder) takeEnv(table *options.Table, env map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if problems := table.CheckEnv(map[string]string{name: env[name]}); len(problems) > 0 {
			b.note("%s is dropped: %s", name, problems[0].Why)
			continue
		}
		if b.recipe.Env == nil {
			b.recipe.Env = map[string]string{}
		}
		b.recipe.Env[name] = env[name]
		b.sets = append(b.sets, name)
	}
}
