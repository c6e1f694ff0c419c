package options

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

// Render writes options as words of a command line, each with two dashes. A
// value that looks like an option is joined with "=", so that it stays a value.
func (t *Table) Render(opts []aim.Option) []string {
	var args []string
	for _, o := range opts {
		name := "--" + o.Name
		spec := t.specs[t.own(o.Name)]
		switch {
		case o.Bare:
			args = append(args, name)
		case spec != nil && spec.Nargs == "+":
			args = append(append(args, name), strings.Fields(o.Value)...)
		case isOption(o.Value):
			args = append(args, name+"="+o.Value)
		default:
			args = append(args, name, o.Value)
		}
	}
	return args
}

// FromValue makes an option of a setting as it stands in a recipe file: true
// is the bare flag, false its negation, nothing (null) the bare option, a list
// several values, a map or a list of maps JSON. Names may be written with
// underscores, and may be vLLM's for the same setting; the option has the name
// and the value of this backend. ok is false when the setting needs no option:
// false for a flag that is off unless given.
func (t *Table) FromValue(name string, value any) (o aim.Option, ok bool, problem *Problem) {
	head, tail, dotted := strings.Cut(name, ".")
	name = strings.ReplaceAll(head, "_", "-") // a recipe is no command line: this holds for every backend
	if dotted {
		name += "." + tail
	}
	if v, isBool := value.(bool); isBool && t.words["no-"+name] != "" && t.specs[t.own(name)] == nil {
		return aim.Option{Name: t.words["no-"+name], Bare: true}, !v, nil // on by default here, and a flag turns it off
	}
	name, _ = t.expand(name, true)
	name = t.translated(aim.Option{Name: name}).Name
	spec, known := t.specs[t.own(name)]
	if !known {
		return aim.Option{}, false, t.missing(name)
	}
	o = aim.Option{Name: name}
	switch v := value.(type) {
	case nil:
		o.Bare = true
	case bool:
		return fromBool(spec, o, v)
	default:
		text, err := textOf(spec, v)
		if err != nil {
			return o, false, problemf(name, BadType, "invalid value", "%v", err)
		}
		o.Value = text
	}
	if other, ok := spec.Values[o.Value]; ok {
		o.Value = other
	}
	o.Value = normalize(spec, o)
	return o, true, t.checkOne(o)
}

func fromBool(spec *Spec, o aim.Option, v bool) (aim.Option, bool, *Problem) {
	dotted := strings.Contains(o.Name, ".")
	switch {
	case dotted || spec.Type == "json" || spec.Type == "str_or_json":
		o.Value = strconv.FormatBool(v)
		return o, true, nil
	case !spec.flag():
		return o, false, problemf(o.Name, BadType, "expected one argument", "it is not a flag, so it cannot be %t", v)
	}
	o.Bare = true
	if !v && !spec.Negatable {
		return o, false, nil
	}
	if !v {
		o.Name = "no-" + o.Name
	}
	return o, true, nil
}

// textOf writes a scalar, list or map of a recipe as one value.
func textOf(spec *Spec, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any:
		if spec.Nargs == "+" {
			return joinValues(spec, v)
		}
	}
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("the value cannot be written as JSON: %w", err)
	}
	return string(data), nil
}

// joinValues joins several values by blanks; a value with a blank inside could
// not be told apart from two.
func joinValues(spec *Spec, values []any) (string, error) {
	words := make([]string, len(values))
	for i, v := range values {
		word, err := textOf(&Spec{Name: spec.Name, Type: spec.Type}, v)
		if err != nil {
			return "", err
		}
		if len(strings.Fields(word)) != 1 || isOption(word) {
			return "", fmt.Errorf("%q cannot be one of several values: it is empty, holds a blank or looks like an option", word)
		}
		words[i] = word
	}
	return strings.Join(words, " "), nil
}
