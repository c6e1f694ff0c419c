package importer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// tree is a part of a foreign file, read field by field: a value of another
// shape than expected is used where it can be, and else told and left out.
type tree struct {
	path  string
	value any
	lost  *losses
}

// losses are what is left out of a file, each told once.
type losses struct{ all []string }

func (l *losses) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(l.all, n) {
		l.all = append(l.all, n)
	}
}

// readTree is the whole file.
func readTree(doc *yamlfile.Document) (tree, error) {
	var value any
	if err := doc.Into(&value); err != nil {
		return tree{}, err
	}
	return tree{value: value, lost: &losses{}}, nil
}

// shape names what a value is, in YAML's words.
func (t tree) shape() string {
	switch t.value.(type) {
	case nil:
		return "nothing"
	case map[string]any, map[any]any:
		return "a map"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("%q", fmt.Sprint(t.value))
}

func (t tree) leaveOut(want string) {
	t.lost.note("%s is left out: it is %s, not %s", t.path, t.shape(), want)
}

// fields are those of a map; anything else has none.
func (t tree) fields() map[string]any {
	switch m := t.value.(type) {
	case map[string]any:
		return m
	case map[any]any:
		named := make(map[string]any, len(m))
		for k, v := range m {
			named[fmt.Sprint(k)] = v
		}
		return named
	}
	if t.value != nil {
		t.leaveOut("a map")
	}
	return nil
}

func (t tree) names() []string { return slices.Sorted(maps.Keys(t.fields())) }

// at is a field of a map.
func (t tree) at(name string) tree {
	inner := tree{path: name, lost: t.lost}
	if t.path != "" {
		inner.path = t.path + "." + name
	}
	inner.value = t.fields()[name]
	return inner
}

func (t tree) is() bool { return t.value != nil }

// text reads a word, a number or a flag.
func (t tree) text() string {
	switch v := t.value.(type) {
	case nil:
		return ""
	case map[string]any, map[any]any, []any:
		t.leaveOut("a text")
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(t.value)
}

// number reads a number, also of a text.
func (t tree) number() float64 {
	if t.value == nil {
		return 0
	}
	n, err := strconv.ParseFloat(t.text(), 64)
	if err != nil || n < 0 || n > 1e9 || n != n {
		if _, isList := t.value.([]any); !isList && len(t.names0()) == 0 {
			t.leaveOut("a number")
		}
		return 0
	}
	return n
}

// names0 is names, of a map alone.
func (t tree) names0() []string {
	switch t.value.(type) {
	case map[string]any, map[any]any:
		return t.names()
	}
	return nil
}

func (t tree) flag() bool { return t.value == true || t.value == "true" }

// words reads a list of words; a single text is a command line.
func (t tree) words() []string {
	list, ok := t.value.([]any)
	if !ok {
		return strings.Fields(t.text())
	}
	var words []string
	for i := range list {
		if list[i] == nil {
			continue
		}
		words = append(words, tree{path: fmt.Sprintf("%s.%d", t.path, i), value: list[i], lost: t.lost}.text())
	}
	return words
}

// env reads a map of names and values, or a list of NAME=value.
func (t tree) env() map[string]string {
	env := map[string]string{}
	if list, ok := t.value.([]any); ok {
		for i := range list {
			name, value, ok := strings.Cut(fmt.Sprint(list[i]), "=")
			if !ok {
				t.lost.note("%s.%d is left out: it is not NAME=value", t.path, i)
				continue
			}
			env[name] = value
		}
		return env
	}
	for _, name := range t.names() {
		env[name] = t.at(name).text()
	}
	return env
}

// forGPU is the value for a kind of GPU, where there is one for each kind; the
// most special name counts. Values for other kinds alone are none.
func (t tree) forGPU(gpu []string) tree {
	names := t.names0()
	if names == nil {
		return t
	}
	for _, name := range slices.Backward(slices.Concat([]string{"default"}, gpu)) {
		if slices.Contains(names, name) {
			return t.at(name)
		}
	}
	return tree{path: t.path, lost: t.lost}
}
