package scan

import "bytes"

// Usage is the tokens that a server says a request took.
type Usage struct {
	Prompt, Completion int64
	Cached             int64 // of Prompt, read from the prefix cache
}

// Total is what limits count.
func (u Usage) Total() int64 { return u.Prompt + u.Completion }

// ReadUsage finds the usage in an answer or in one event of a stream; ok is
// false where there is none (null, absent, or bytes that are not JSON).
func ReadUsage(data []byte) (usage Usage, ok bool) {
	if !bytes.Contains(data, usageName) {
		return Usage{}, false
	}
	_ = Object(data, func(f Field) error {
		switch f.Name {
		case "usage":
			ok = usage.read(data, f.Value)
		case "response": // of the last event of the responses interface
			if data[f.Value.From] == '{' {
				_ = ObjectAt(data, f.Value, func(g Field) error {
					if g.Name == "usage" {
						ok = usage.read(data, g.Value)
					}
					return nil
				})
			}
		}
		return nil
	})
	return usage, ok
}

var usageName = []byte(`"usage"`)

func (u *Usage) read(data []byte, at Span) bool {
	if data[at.From] != '{' {
		return false
	}
	err := ObjectAt(data, at, func(f Field) error {
		n, isCount := Count(f.Value.Of(data))
		switch {
		case (f.Name == "prompt_tokens" || f.Name == "input_tokens") && isCount:
			u.Prompt = n
		case (f.Name == "completion_tokens" || f.Name == "output_tokens") && isCount:
			u.Completion = n
		case (f.Name == "prompt_tokens_details" || f.Name == "input_tokens_details") && data[f.Value.From] == '{':
			return ObjectAt(data, f.Value, func(g Field) error {
				if n, isCount := Count(g.Value.Of(data)); isCount && g.Name == "cached_tokens" {
					u.Cached = n
				}
				return nil
			})
		}
		return nil
	})
	return err == nil
}

// OnlyUsage tells whether an event of a completions stream has nothing but the
// usage in it: the one that servers send before the end when they are asked to.
func OnlyUsage(event []byte) bool {
	only := false
	_ = Object(event, func(f Field) error {
		if f.Name == "choices" {
			only = string(bytes.TrimSpace(f.Value.Of(event))) == "[]"
		}
		return nil
	})
	return only
}
