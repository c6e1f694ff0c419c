package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

// maxCount bounds every count of a config.json: no model has a width, a number
// of tokens or of experts beyond it, and products of two stay exact enough.
const maxCount = 1 << 31

// fields is an object of a foreign JSON file, read field by field: such files
// have many fields that nobody here needs, under several names. What cannot be
// read is passed over and told; whether the rest is enough is decided by who
// asked.
type fields struct {
	path string // of the object in the file, for messages
	raw  map[string]json.RawMessage
	log  *reading
}

// reading is what became of a file's fields.
type reading struct {
	asked map[string]bool   // names that somebody looked for
	wrong map[string]string // path of a field that could not be read -> why
	notes []string          // further things to tell
}

func (r *reading) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.notes, n) && len(r.notes) < maxNotes {
		r.notes = append(r.notes, n)
	}
}

// maxNotes bounds what a file can make us say.
const maxNotes = 12

// told lists everything worth telling.
func (r *reading) told() []string {
	all := slices.Clone(r.notes)
	for _, path := range slices.Sorted(maps.Keys(r.wrong)) {
		if len(all) >= maxNotes {
			return append(all, "and more fields that cannot be read")
		}
		all = append(all, fmt.Sprintf("%s is %s: passed over", path, r.wrong[path]))
	}
	return all
}

// readFields reads the outermost object.
func readFields(file string, data []byte) (fields, error) {
	if err := aim.CheckConfigSize(file, int64(len(data))); err != nil {
		return fields{}, err
	}
	data = plain(data)
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return fields{}, aim.Failf(aim.ClassInput, "%s:%s: it is not a JSON object: %v", file, placeIn(data, err), err)
	}
	return fields{raw: raw, log: &reading{asked: map[string]bool{}, wrong: map[string]string{}}}, nil
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

// passOver keeps that a field could not be read.
func (f fields) passOver(name, want string) {
	f.log.wrong[f.path+name] = clipped(f.raw[name]) + ", not " + want
}

// clipped is the beginning of a value, on one line.
func clipped(raw json.RawMessage) string {
	const most = 40
	words := strings.Join(strings.Fields(string(raw[:min(len(raw), 4*most)])), " ")
	if len(words) > most {
		words = strings.ToValidUTF8(words[:most], "") + "..."
	}
	return words
}

// find returns the first of the names that is set.
func (f fields) find(names []string) (name string, ok bool) {
	for _, n := range names {
		f.log.asked[n] = true
	}
	for _, n := range names {
		if raw, given := f.raw[n]; given && string(raw) != "null" {
			return n, true
		}
	}
	return "", false
}

// has tells whether one of the fields is there and not null.
func (f fields) has(names ...string) bool {
	_, ok := f.find(names)
	return ok
}

// number reads a count; 0 where none of the names has one. A list of equal
// counts is that count.
func (f fields) number(names ...string) int {
	name, ok := f.find(names)
	if !ok {
		return 0
	}
	if n, ok := countOf(f.raw[name]); ok {
		return n
	}
	if list, ok := f.list(name); ok {
		n, equal := list.one()
		if equal {
			return n
		}
		return slices.Max(list)
	}
	f.passOver(name, "a count")
	return 0
}

// countOf reads a number, or a text that is one.
func countOf(raw json.RawMessage) (int, bool) {
	var n float64
	if err := json.Unmarshal(raw, &n); err != nil {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return 0, false
		}
		if n, err = strconv.ParseFloat(s, 64); err != nil {
			return 0, false
		}
	}
	if !(n >= 0 && n <= maxCount) {
		return 0, false
	}
	return int(n), true
}

// counts is a list of them.
type counts []int

// one is the count that all of them are.
func (c counts) one() (n int, equal bool) {
	for _, v := range c {
		if v != c[0] {
			return 0, false
		}
	}
	if len(c) == 0 {
		return 0, false
	}
	return c[0], true
}

// list reads a list of counts; true and false are 1 and 0, null is 0.
func (f fields) list(names ...string) (counts, bool) {
	name, ok := f.find(names)
	if !ok {
		return nil, false
	}
	var all []json.RawMessage
	if json.Unmarshal(f.raw[name], &all) != nil || len(all) == 0 || len(all) > maxLayers {
		return nil, false
	}
	list := make(counts, 0, len(all))
	for _, raw := range all {
		switch string(raw) {
		case "true":
			list = append(list, 1)
		case "false", "null":
			list = append(list, 0)
		default:
			n, ok := countOf(raw)
			if !ok {
				return nil, false
			}
			list = append(list, n)
		}
	}
	return list, true
}

// real reads a number with a fraction; none is 0.
func (f fields) real(names ...string) float64 {
	name, ok := f.find(names)
	if !ok {
		return 0
	}
	var n float64
	if json.Unmarshal(f.raw[name], &n) != nil {
		f.passOver(name, "a number")
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
		f.passOver(name, "a text")
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
		f.passOver(name, "a list")
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
	if !f.has(name) {
		return otherwise
	}
	switch string(f.raw[name]) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	f.passOver(name, "true or false")
	return otherwise
}

// object reads an object inside; none of the names is an empty one.
func (f fields) object(names ...string) (inner fields, ok bool) {
	inner = fields{log: f.log}
	name, given := f.find(names)
	if !given {
		return inner, false
	}
	inner.path = f.path + name + "."
	if json.Unmarshal(f.raw[name], &inner.raw) != nil {
		f.passOver(name, "an object")
		return inner, false
	}
	return inner, true
}

// objects reads a list of objects.
func (f fields) objects(name string) []fields {
	if !f.has(name) {
		return nil
	}
	var all []map[string]json.RawMessage
	if json.Unmarshal(f.raw[name], &all) != nil || len(all) > maxLayers {
		f.passOver(name, "a list of objects")
		return nil
	}
	inner := make([]fields, 0, len(all))
	for i, raw := range all {
		inner = append(inner, fields{path: fmt.Sprintf("%s%s.%d.", f.path, name, i), raw: raw, log: f.log})
	}
	return inner
}

// with lays the fields of inner objects, by their names, under those of f: some
// families keep them in groups.
func (f fields) with(groups ...string) fields {
	merged := maps.Clone(f.raw)
	for _, g := range groups {
		inner, ok := f.object(g)
		if !ok {
			continue
		}
		for name, raw := range inner.raw {
			if _, given := merged[name]; !given {
				merged[name] = raw
			}
		}
	}
	f.raw = merged
	return f
}

// perLayer is one count for all layers, or one for each.
type perLayer struct {
	all  int
	each counts
}

func (p perLayer) at(i int) int {
	if i < len(p.each) {
		return p.each[i]
	}
	return p.all
}

// known tells whether any layer has one.
func (p perLayer) known() bool { return p.all > 0 || len(p.each) > 0 && slices.Max(p.each) > 0 }

// layerwise reads a count that may be a list with one value for each of n
// layers. A list of another length counts where all its values are equal.
func (f fields) layerwise(n int, names ...string) perLayer {
	name, ok := f.find(names)
	if !ok {
		return perLayer{}
	}
	if v, ok := countOf(f.raw[name]); ok {
		return perLayer{all: v}
	}
	list, ok := f.list(name)
	if !ok {
		f.passOver(name, "a count, or one for each layer")
		return perLayer{}
	}
	if v, equal := list.one(); equal {
		return perLayer{all: v}
	}
	if len(list) < n {
		f.passOver(name, fmt.Sprintf("one count for each of %d layers", n))
		return perLayer{}
	}
	return perLayer{each: list[:n]}
}

// numbersOf reads a list of counts; anything else is none.
func (f fields) numbersOf(name string) []int {
	list, _ := f.list(name)
	return list
}
