package model

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// fields is an object of a foreign JSON file, read field by field: such files
// have many fields that nobody here needs, under several names. The first
// field that cannot be read is kept as the reader's error.
type fields struct {
	file string
	path string // of the object in the file, for messages
	raw  map[string]json.RawMessage
	err  *error
}

// readFields reads the outermost object.
func readFields(file string, data []byte) (fields, error) {
	var raw map[string]json.RawMessage
	if len(data) > yamlfile.MaxBytes {
		return fields{}, aim.Failf(aim.ClassInput, "%s: it is larger than %d bytes", file, yamlfile.MaxBytes)
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return fields{}, aim.Failf(aim.ClassInput, "%s:%s: it is not a JSON object: %v", file, placeIn(data, err), err)
	}
	return fields{file: file, raw: raw, err: new(error)}, nil
}

// wrong keeps the first complaint.
func (f fields) wrong(name, want string) {
	if *f.err == nil {
		text := string(f.raw[name])
		if len(text) > 40 {
			text = text[:40] + "..."
		}
		*f.err = aim.Failf(aim.ClassInput, "%s: field %q is %s; it should be %s", f.file, f.path+name, text, want)
	}
}

// find returns the first of the names that is set.
func (f fields) find(names []string) (name string, ok bool) {
	for _, n := range names {
		if raw, given := f.raw[n]; given && string(raw) != "null" {
			return n, true
		}
	}
	return "", false
}

// number reads a count; none of the names is 0.
func (f fields) number(names ...string) int {
	name, ok := f.find(names)
	if !ok {
		return 0
	}
	var n float64
	if json.Unmarshal(f.raw[name], &n) != nil || n < 0 || n > 1<<40 {
		f.wrong(name, "a count")
		return 0
	}
	return int(n)
}

// real reads a number with a fraction; none is 0.
func (f fields) real(names ...string) float64 {
	name, ok := f.find(names)
	if !ok {
		return 0
	}
	var n float64
	if json.Unmarshal(f.raw[name], &n) != nil {
		f.wrong(name, "a number")
	}
	return n
}

// text reads a word; none is "".
func (f fields) text(names ...string) string {
	name, ok := f.find(names)
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(f.raw[name], &s) != nil {
		f.wrong(name, "a text")
	}
	return s
}

// texts reads a list of words; what is something else in it is left out.
func (f fields) texts(names ...string) []string {
	name, ok := f.find(names)
	if !ok {
		return nil
	}
	var all []any
	if json.Unmarshal(f.raw[name], &all) != nil {
		f.wrong(name, "a list")
	}
	var words []string
	for _, v := range all {
		if s, ok := v.(string); ok {
			words = append(words, s)
		}
	}
	return words
}

// flag reads true or false; otherwise is for none.
func (f fields) flag(name string, otherwise bool) bool {
	if _, ok := f.find([]string{name}); !ok {
		return otherwise
	}
	var b bool
	if json.Unmarshal(f.raw[name], &b) != nil {
		f.wrong(name, "true or false")
	}
	return b
}

// object reads an object inside; none of the names is an empty one.
func (f fields) object(names ...string) (inner fields, ok bool) {
	inner = fields{file: f.file, err: f.err}
	name, given := f.find(names)
	if !given {
		return inner, false
	}
	inner.path = f.path + name + "."
	if json.Unmarshal(f.raw[name], &inner.raw) != nil {
		f.wrong(name, "an object")
		return inner, false
	}
	return inner, true
}

// has tells whether the field is there and not null.
func (f fields) has(name string) bool {
	_, ok := f.find([]string{name})
	return ok
}

// placeIn is line:column of a JSON error.
func placeIn(data []byte, err error) string {
	offset := 0
	switch e := err.(type) {
	case *json.SyntaxError:
		offset = int(e.Offset)
	case *json.UnmarshalTypeError:
		offset = int(e.Offset)
	}
	before := string(data[:min(max(offset-1, 0), len(data))])
	line := strings.Count(before, "\n")
	return fmt.Sprintf("%d:%d", line+1, len(before)-strings.LastIndex(before, "\n"))
}

// numbers reads a list of counts; anything else is none.
func (f fields) numbers(name string) []int {
	var all []int
	if json.Unmarshal(f.raw[name], &all) != nil {
		return nil
	}
	return all
}
