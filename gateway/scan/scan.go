// Package scan finds the few fields of an OpenAI request or answer that a
// gateway needs, without decoding the rest: a prompt of 220 KB costs tens of
// microseconds to walk over and more than a millisecond to decode.
//
// What was found keeps its place in the bytes, so that a value can be replaced
// and every other byte reaches the server as the client wrote it:
//
//	{"model":"chat","messages":[...],"stream":true}
//	          ^^^^^^            ^^^^^          ^^^^
//	          Model             Prompt         Stream
package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Span is a part of the bytes that were scanned: data[From:To]. The zero Span
// means that there is no such field.
type Span struct{ From, To int }

// Found tells whether the field was there.
func (s Span) Found() bool { return s.To > s.From }

// Of is the part of data that the span is about.
func (s Span) Of(data []byte) []byte { return data[s.From:s.To] }

// Field is one member of an object: its name as written between the quotes, and
// where its value stands.
type Field struct {
	Name  string
	Value Span
}

// ErrNotObject is the error of bytes that are no JSON object.
var ErrNotObject = errors.New("the body is not a JSON object")

// maxDepth bounds nesting; OpenAI requests have some ten levels, and servers
// refuse a few hundred.
const maxDepth = 512

// Object calls visit for every member of the JSON object in data, in order, until
// the object ends or visit returns an error. Values are checked for their shape
// (quotes closed, brackets matched), not for their content. The error says
// where the bytes stop being JSON, or is visit's.
func Object(data []byte, visit func(Field) error) error {
	return ObjectAt(data, Span{0, len(data)}, visit)
}

// ObjectAt is Object for a part of data; spans are of the whole data.
func ObjectAt(data []byte, in Span, visit func(Field) error) error {
	s := scanner{data: data[:in.To], at: in.From}
	s.space()
	if !s.take('{') {
		return ErrNotObject
	}
	if err := s.members(visit); err != nil {
		return err
	}
	s.space()
	if s.at != len(s.data) {
		return s.errorf("something follows the object")
	}
	return nil
}

type scanner struct {
	data []byte
	at   int
}

func (s *scanner) errorf(what string) error {
	return fmt.Errorf("the body is not JSON: %s at byte %d", what, s.at)
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

// members reads what follows the opening brace, and the closing one.
func (s *scanner) members(visit func(Field) error) error {
	s.space()
	if s.take('}') {
		return nil
	}
	for {
		s.space()
		name, err := s.text()
		if err != nil {
			return err
		}
		s.space()
		if !s.take(':') {
			return s.errorf("a name without a value")
		}
		s.space()
		from := s.at
		if err := s.value(); err != nil {
			return err
		}
		if err := visit(Field{name, Span{from, s.at}}); err != nil {
			return err
		}
		s.space()
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.errorf("neither a comma nor the end of an object")
		}
	}
}

// text reads a string and returns what it says.
func (s *scanner) text() (string, error) {
	from := s.at
	if err := s.skipString(); err != nil {
		return "", err
	}
	raw := s.data[from+1 : s.at-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), nil
	}
	var out string
	if err := json.Unmarshal(s.data[from:s.at], &out); err != nil {
		return "", s.errorf("a string that cannot be read")
	}
	return out, nil
}

// skipString is where the time goes: prompts are strings. bytes.IndexByte
// compares 32 bytes at once.
func (s *scanner) skipString() error {
	if !s.take('"') {
		return s.errorf("a quote is missing")
	}
	for {
		end := bytes.IndexByte(s.data[s.at:], '"')
		if end < 0 {
			return s.errorf("a string without an end")
		}
		escaped := 0
		for i := s.at + end - 1; i >= s.at && s.data[i] == '\\'; i-- {
			escaped++
		}
		// Backslashes before s.at belong to a quote that was passed already.
		s.at += end + 1
		if escaped%2 == 0 {
			return nil
		}
	}
}

// value skips any JSON value without recursion: foreign bytes decide how deep
// it nests.
func (s *scanner) value() error {
	var open []byte // closing brackets that are due
	for {
		s.space()
		if s.at >= len(s.data) {
			return s.errorf("a value is missing")
		}
		switch c := s.data[s.at]; {
		case c == '"':
			if err := s.skipString(); err != nil {
				return err
			}
		case c == '{' || c == '[':
			if len(open) == maxDepth {
				return s.errorf("nested too deeply")
			}
			s.at++
			open = append(open, c+2) // '[' and ']', '{' and '}' are two apart
			if done, err := s.inside(c); err != nil {
				return err
			} else if !done {
				continue
			}
			open = open[:len(open)-1]
		default:
			if err := s.scalar(); err != nil {
				return err
			}
		}
		for {
			if len(open) == 0 {
				return nil
			}
			s.space()
			due := open[len(open)-1]
			if s.take(due) {
				open = open[:len(open)-1]
				continue
			}
			if !s.take(',') {
				return s.errorf("neither a comma nor the end of a list or object")
			}
			if due == '}' {
				if err := s.name(); err != nil {
					return err
				}
			}
			break
		}
	}
}

// inside begins a list or an object; done means that it was empty.
func (s *scanner) inside(c byte) (done bool, err error) {
	s.space()
	if s.take(c + 2) {
		return true, nil
	}
	if c == '{' {
		return false, s.name()
	}
	return false, nil
}

func (s *scanner) name() error {
	s.space()
	if err := s.skipString(); err != nil {
		return err
	}
	s.space()
	if !s.take(':') {
		return s.errorf("a name without a value")
	}
	return nil
}

func (s *scanner) scalar() error {
	from := s.at
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			if s.at == from {
				return s.errorf("a value is missing")
			}
			return s.checkScalar(from)
		}
		s.at++
	}
	return s.checkScalar(from)
}

func (s *scanner) checkScalar(from int) error {
	if !json.Valid(s.data[from:s.at]) {
		s.at = from
		return s.errorf("a value that is none")
	}
	return nil
}

// Text reads a string value; ok is false when it is none.
func Text(value []byte) (text string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	return text, json.Unmarshal(value, &text) == nil
}

// Count reads a whole number that is not negative; ok is false for anything else.
func Count(value []byte) (n int64, ok bool) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil && n >= 0
}

// True tells whether the value is the literal true.
func True(value []byte) bool { return string(value) == "true" }

// sameButCase tells whether a name differs from a known one in case only, which
// some servers take for the same field and others do not.
func sameButCase(name, known string) bool { return name != known && strings.EqualFold(name, known) }
