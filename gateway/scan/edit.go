package scan

import (
	"cmp"
	"encoding/json"
	"slices"
)

// edit puts text where span was.
type edit struct {
	Span
	text string
}

// apply makes the edits, which do not overlap; without any it returns data itself.
func apply(data []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return data
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.From, b.From) })
	size := len(data)
	for _, e := range edits {
		size += len(e.text)
	}
	out, at := make([]byte, 0, size), 0
	for _, e := range edits {
		out = append(append(out, data[at:e.From]...), e.text...)
		at = e.To
	}
	return append(out, data[at:]...)
}

func quote(s string) string {
	out, _ := json.Marshal(s) // a string always can be
	return string(out)
}
