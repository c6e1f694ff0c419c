// Package schema makes JSON Schemas (draft 2020-12) of the Go types that the
// project's files are read into and its answers are printed from. Tests write them to
// docs/ and hold real files and answers against them; no program links it.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/aim-engine/aim"
)

// module is the import path of the folder that Read is told of.
const module = "github.com/aim-engine/aim"

// Maker makes schemas with the comments of the source as descriptions.
type Maker struct {
	comments map[string]string
	// Words are the fields that hold one of a list, as "Type.field" by their names in
	// the schema.
	Words map[string][]string
	// Types are written by these schemas, whatever their fields are.
	Types map[reflect.Type]*jsonschema.Schema
	// Open takes fields that nobody knows: of an answer, to which later versions add.
	Open bool
}

// Read takes the comments of the packages in these folders below the current one,
// which is the root of the module.
func Read(folders ...string) (*Maker, error) {
	var r jsonschema.Reflector
	for _, folder := range folders {
		if err := addComments(&r, folder); err != nil {
			return nil, err
		}
	}
	return &Maker{comments: r.CommentMap}, nil
}

// Of is the schema of a type by its tags, "json" or "yaml". Every struct that it
// holds is in $defs, by its name.
func (m *Maker) Of(t reflect.Type, tag string) *jsonschema.Schema {
	r := &jsonschema.Reflector{
		Anonymous:                 true,
		AllowAdditionalProperties: m.Open,
		FieldNameTag:              tag,
		CommentMap:                m.comments,
		Namer:                     nameOf,
		Mapper:                    m.written,
	}
	s := r.ReflectFromType(t)
	m.limit(s)
	return s
}

// nameOf is the name of a type, with its package where that is not the root one.
func nameOf(t reflect.Type) string {
	if t.PkgPath() == module || t.PkgPath() == "" {
		return t.Name()
	}
	return path.Base(t.PkgPath()) + "." + t.Name()
}

// written is how a type of ours stands in JSON where its fields do not tell.
func (m *Maker) written(t reflect.Type) *jsonschema.Schema {
	if s, ok := m.Types[t]; ok {
		return s
	}
	switch t {
	case reflect.TypeFor[aim.Duration]():
		return &jsonschema.Schema{Type: "string", Description: "a time such as 90s or 1h30m"}
	case reflect.TypeFor[aim.Bytes]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "integer"}}, Description: "bytes, or a text such as 64 GiB"}
	case reflect.TypeFor[aim.FailureClass]():
		return words(aim.Classes())
	case reflect.TypeFor[aim.Family]():
		return words([]aim.Family{aim.FamilyInput, aim.FamilyResource, aim.FamilyConfig, aim.FamilyStart, aim.FamilyHealth})
	}
	return nil
}

// words is a string that is one of a list.
func words[T ~string](all []T) *jsonschema.Schema {
	all = slices.Clone(all)
	slices.Sort(all)
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range all {
		s.Enum = append(s.Enum, string(w))
	}
	return s
}

// Text is a schema as it is published.
func Text(s *jsonschema.Schema) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("write a schema: %w", err)
	}
	return b.Bytes(), nil
}

// limit says which words the fields with a list may hold.
func (m *Maker) limit(s *jsonschema.Schema) {
	for name, def := range s.Definitions {
		for p := def.Properties.Oldest(); p != nil; p = p.Next() {
			all, ok := m.Words[name+"."+p.Key]
			if !ok {
				continue
			}
			target := p.Value
			if target.Items != nil {
				target = target.Items
			}
			target.Enum = words(all).Enum
		}
	}
}
