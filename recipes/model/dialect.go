package model

import (
	"bytes"
)

// plain turns the dialect of Python's json module into JSON: a byte order mark
// is dropped, and Infinity, -Infinity and NaN, which Python writes wherever a
// number may stand, become null. Strings keep their text. Data without any of
// these is returned as it is.
func plain(data []byte) []byte {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !bytes.Contains(data, []byte("NaN")) && !bytes.Contains(data, []byte("Infinity")) {
		return data
	}
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); {
		if data[i] == '"' {
			end := stringEnd(data, i)
			out = append(out, data[i:end]...)
			i = end
			continue
		}
		if n := notNumber(data[i:]); n > 0 {
			out = append(out, "null"...)
			i += n
			continue
		}
		out = append(out, data[i])
		i++
	}
	return out
}

// stringEnd is the place behind the string that begins at i.
func stringEnd(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// notNumber is the length of one of Python's words at the start of data, 0 for
// none.
func notNumber(data []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(data, []byte(word)) {
			return len(word)
		}
	}
	return 0
}
