// Package yamlfile reads YAML files of people: strictly those of the catalogue,
// loosely those of other formats, and tells every mistake by file, line and
// column.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
)

// MaxBytes bounds a file of the catalogue; the largest recipe is a few KiB.
const MaxBytes = 1 << 20

// Document is a parsed file that still knows where its parts stand. A nil
// Document is one that was made and not read.
type Document struct {
	File string // as messages name it
	Root *yaml.Node
}

// Decode reads one YAML document strictly: a field that the target does not
// have, a value of the wrong type, a key given twice and a second document are
// refused. The error is a Failure of class input that begins with
// file:line:column.
func Decode(file string, data []byte, into any) (*Document, error) {
	if len(data) > MaxBytes {
		return nil, aim.Failf(aim.ClassInput, "%s: it is larger than %d bytes; split it", file, MaxBytes)
	}
	doc := &Document{File: file, Root: &yaml.Node{}}
	if err := yaml.Unmarshal(data, doc.Root); err != nil {
		return nil, doc.SyntaxError(err, data)
	}
	strict := yaml.NewDecoder(bytes.NewReader(data))
	strict.KnownFields(true)
	if err := strict.Decode(into); err != nil {
		return nil, doc.TypeError(err, into)
	}
	if err := strict.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, aim.Failf(aim.ClassInput, "%s: it holds more than one document; use one file for each", file)
	}
	return doc, nil
}

var (
	linePattern    = aim.Pattern(`line (\d+): (.*)`)
	unknownPattern = aim.Pattern(`^field (\S+) not found in type`)
	valuePattern   = aim.Pattern("`([^`]*)`")
	structPattern  = aim.Pattern(`^[a-z]+\.[A-Z]`) // a Go type of ours
	doublePattern  = aim.Pattern(`^mapping key "(.*)" already defined at line (\d+)`)
)

// SyntaxError places an error of the YAML parser, which knows the line alone:
// the column is that of the line's first character.
func (d *Document) SyntaxError(err error, data []byte) error {
	m := linePattern().FindStringSubmatch(err.Error())
	if m == nil {
		return aim.Failf(aim.ClassInput, "%s:1:1: it is not YAML: %s", d.File, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	line, _ := strconv.Atoi(m[1])
	column := 1
	if lines := strings.Split(string(data), "\n"); line >= 1 && line <= len(lines) {
		text := lines[line-1]
		column += len(text) - len(strings.TrimLeft(text, " "))
	}
	return aim.Failf(aim.ClassInput, "%s:%d:%d: it is not YAML: %s", d.File, line, column, m[2])
}

// TypeError turns the decoder's first complaint into one of ours.
func (d *Document) TypeError(err error, into any) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) || len(typed.Errors) == 0 {
		if errors.Is(err, io.EOF) {
			return aim.Failf(aim.ClassInput, "%s:1:1: the file is empty", d.File)
		}
		return aim.Failf(aim.ClassInput, "%s:1:1: it cannot be read: %v", d.File, err)
	}
	m := linePattern().FindStringSubmatch(typed.Errors[0])
	if m == nil {
		return aim.Failf(aim.ClassInput, "%s:1:1: %s", d.File, typed.Errors[0])
	}
	line, _ := strconv.Atoi(m[1])
	if u := unknownPattern().FindStringSubmatch(m[2]); u != nil {
		return d.unknownField(line, u[1], into)
	}
	if u := doublePattern().FindStringSubmatch(m[2]); u != nil {
		return aim.Failf(aim.ClassInput, "%s:%d:%d: field %q stands here a second time, after line %s", d.File, line, d.column(line, u[1]), u[1], u[2])
	}
	value := ""
	if kind, _, ok := strings.Cut(strings.TrimPrefix(m[2], "cannot unmarshal "), " "); ok && kind != "!!str" {
		value = kind // a list or map has no text: its tag tells it apart
	}
	if v := valuePattern().FindStringSubmatch(m[2]); v != nil {
		value = strings.TrimSuffix(v[1], "...")
	}
	return aim.Failf(aim.ClassInput, "%s:%d:%d: %s", d.File, line, d.column(line, value), plainType(m[2]))
}

func (d *Document) unknownField(line int, name string, into any) error {
	f := aim.Failf(aim.ClassInput, "%s:%d:%d: field %q is not known", d.File, line, d.column(line, name), name)
	if near := aim.Nearest(name, fieldNames(reflect.TypeOf(into))); near != "" {
		f.Why += fmt.Sprintf("; did you mean %q?", near)
	}
	return f
}

// plainType rewrites "cannot unmarshal !!str `x` into int" for people.
func plainType(text string) string {
	text = strings.NewReplacer("cannot unmarshal", "cannot read", "!!str ", "the text ", "!!int ", "the number ", "!!float ", "the number ",
		"!!bool ", "", "!!map", "a map", "!!seq", "a list", "!!null", "nothing").Replace(text)
	what, target, ok := strings.Cut(text, " into ")
	if !ok {
		return text
	}
	switch {
	case strings.HasPrefix(target, "int"), strings.HasPrefix(target, "uint"):
		target = "a whole number"
	case strings.HasPrefix(target, "[]"):
		target = "a list"
	case strings.HasPrefix(target, "map["), structPattern().MatchString(target):
		target = "a map of fields"
	case target == "bool":
		target = "true or false"
	case target == "string":
		target = "a text"
	}
	return what + " as " + target
}

// column finds the column of the first node on the line that reads as value or
// has it as its tag, or of the first node at all.
func (d *Document) column(line int, value string) int {
	first, match := 0, 0
	Walk(d.Root, func(n *yaml.Node) {
		if n.Line != line {
			return
		}
		if first == 0 {
			first = n.Column
		}
		if match == 0 && value != "" && (n.Value != "" && strings.HasPrefix(n.Value, value) || n.Tag == value) {
			match = n.Column
		}
	})
	return max(match, first, 1) // a match is never left of the first node
}

// Walk visits the nodes in the order of the file. It does not follow aliases,
// whose targets it has visited already.
func Walk(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, child := range n.Content {
		Walk(child, visit)
	}
}

// At is the place of a field as file:line:column, of the deepest part of the
// path that the file has.
func (d *Document) At(path ...string) string {
	if d == nil {
		return "recipe"
	}
	node := d.Root
	if len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, name := range path {
		next := Child(node, name)
		if next == nil {
			break
		}
		node = next
	}
	return fmt.Sprintf("%s:%d:%d", d.File, max(node.Line, 1), max(node.Column, 1))
}

// Child finds a field of a map, or an element of a list by its number.
func Child(n *yaml.Node, name string) *yaml.Node {
	if n.Kind == yaml.SequenceNode {
		if i, err := strconv.Atoi(name); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
		return nil
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// fieldNames lists the YAML names of a struct and of the structs inside it.
func fieldNames(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); f.IsExported() && name != "" {
			names = append(append(names, name), fieldNames(f.Type)...)
		}
	}
	return names
}

// Loosely parses a foreign file: its format may have more fields than anybody
// here knows.
func Loosely(file string, data []byte) (*Document, error) {
	if len(data) > MaxBytes {
		return nil, aim.Failf(aim.ClassInput, "%s: it is larger than %d bytes", file, MaxBytes)
	}
	doc := &Document{File: file, Root: &yaml.Node{}}
	if err := yaml.Unmarshal(data, doc.Root); err != nil {
		return nil, doc.SyntaxError(err, data)
	}
	if len(doc.Root.Content) == 0 || doc.Root.Content[0].Kind != yaml.MappingNode {
		return nil, aim.Failf(aim.ClassInput, "%s:1:1: it is not a map of fields", file)
	}
	return doc, nil
}

// Has tells whether the outermost map has a field.
func (d *Document) Has(name string) bool { return Child(d.Root.Content[0], name) != nil }

// Into decodes the part of the file that the target has fields for.
func (d *Document) Into(target any) error {
	if err := d.Root.Content[0].Decode(target); err != nil {
		return d.TypeError(err, target)
	}
	return nil
}

// Wrong makes the Failure of a bad field.
func (d *Document) Wrong(path []string, format string, args ...any) error {
	return aim.Failf(aim.ClassInput, "%s: %s", d.At(path...), fmt.Sprintf(format, args...))
}
