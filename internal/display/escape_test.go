package display

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
)

// hostile is what somebody may call a model, or write into a log: it clears the
// screen, changes the title, hides and turns text around, in C0 and in C1.
const hostile = "x\x1b[2J\x1b]0;owned\a\u009b31m\u202eoof\r\b\x00\x7f"

// acting is what a terminal would act on.
func acting(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return acts(r) })
}

// Text of others reaches the screen as text, wherever it stands, coloured or not.
func TestForeignTextIsEscaped(t *testing.T) {
	s := aim.Status{Name: "d", Model: hostile, Phase: aim.Failed, Reason: hostile, Replicas: []aim.ReplicaStatus{{
		Phase: aim.Failed, Reason: hostile + "2", Node: hostile, Tries: []aim.Try{{Attempt: 1, Why: hostile, Lines: []string{hostile}}},
	}}}
	for _, mode := range []Mode{Never, Always} {
		var b bytes.Buffer
		o := New(&b, mode)
		Status(o, s, noon)
		Deployments(o, []aim.Status{s}, noon)
		Events(o, []Event{{Text: hostile, Bad: true}})
		o.Printf("%s\n", hostile)
		live := NewLive(o)
		live.Show(Progress(o, s, nil, noon))
		require.False(t, acting(uncoloured.ReplaceAllString(b.String(), "")), "%q", b.String())
		require.Contains(t, b.String(), `x\u001b[2J\u001b]0;owned\u0007\u009b31m\u202eoof\u000d\u0008\u0000\u007f`)
	}
}

// A terminal's block is redrawn by our own movements, and by no others.
func TestForeignTextInALiveBlock(t *testing.T) {
	var b bytes.Buffer
	o := New(&b, Never)
	o.terminal = true
	NewLive(o).Show([]Item{{Key: "k", Line: hostile}})
	require.Equal(t, 2, strings.Count(b.String(), "\x1b"), "%q", b.String())
}

// One cell is one line of a table, whatever is in it.
func TestACellStaysInItsRow(t *testing.T) {
	var b bytes.Buffer
	var table Table
	table.Add("a\nforged   row", "b")
	table.Print(New(&b, Never))
	require.Equal(t, 1, strings.Count(b.String(), "\n"))
}

// JSON says the same to a program, and nothing to a terminal.
func TestJSONIsEscapedAndTheSame(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Data(New(&b, Always), "json", map[string]string{"why": hostile}))
	require.False(t, acting(b.String()))
	var got map[string]string
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.Equal(t, hostile, got["why"])
}

// FuzzEscaper: text that comes in pieces is escaped like text that comes at once,
// and nothing acts.
func FuzzEscaper(f *testing.F) {
	f.Add([]byte("héllo\r\n\x1b[2J\xff"), uint8(3))
	f.Add([]byte("\r"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var b bytes.Buffer
		e := NewEscaper(&b)
		for rest := text; len(rest) > 0; {
			n := min(int(size%7)+1, len(rest))
			_, err := e.Write(rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, e.Close())
		require.Equal(t, Escape(string(text)), b.String())
		require.False(t, acting(b.String()))
		require.True(t, utf8.ValidString(b.String()))
	})
}
