package display

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
)

func TestColour(t *testing.T) {
	for _, c := range []struct {
		name           string
		mode           Mode
		terminal       bool
		noColor, force string
		term           string
		want           bool
	}{
		{"terminal", Auto, true, "", "", "xterm", true},
		{"pipe", Auto, false, "", "", "xterm", false},
		{"dumb terminal", Auto, true, "", "", "dumb", false},
		{"NO_COLOR", Auto, true, "1", "", "xterm", false},
		{"NO_COLOR before force", Auto, true, "1", "1", "xterm", false},
		{"force in a pipe", Auto, false, "", "1", "xterm", true},
		{"force 0", Auto, false, "", "0", "xterm", false},
		{"always", Always, false, "1", "", "dumb", true},
		{"never", Never, true, "", "1", "xterm", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", c.noColor)
			t.Setenv("CLICOLOR_FORCE", c.force)
			t.Setenv("TERM", c.term)
			require.Equal(t, c.want, colored(c.mode, c.terminal))
		})
	}
}

// A buffer is never a terminal, and nothing coloured comes out of it.
func TestPipeIsPlain(t *testing.T) {
	t.Setenv("CLICOLOR_FORCE", "")
	var b bytes.Buffer
	o := New(&b, Auto)
	require.False(t, o.Terminal())
	Status(o, pulling(), noon)
	require.NotContains(t, b.String(), "\x1b")
}

// Colour changes no column.
func TestTableAlignsColouredCells(t *testing.T) {
	var plainOut, colouredOut bytes.Buffer
	for o, b := range map[*Output]*bytes.Buffer{New(&plainOut, Never): &plainOut, New(&colouredOut, Always): &colouredOut} {
		table := Table{Header: []string{"A", "B"}}
		table.Add(o.Phase(aim.Ready), "x")
		table.Add(o.Bad("é"), "y")
		table.Print(o)
		require.NotEmpty(t, b.String())
	}
	require.NotEqual(t, plainOut.String(), colouredOut.String())
	require.Equal(t, plainOut.String(), uncoloured.ReplaceAllString(colouredOut.String(), ""))
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 20: "1.0 MiB", 206141652992: "192.0 GiB", -2048: "-2.0 KiB", 3 << 40: "3.0 TiB"} {
		require.Equal(t, want, Bytes(n))
	}
	require.Equal(t, "4.0 of 61.0 GiB", Moved(4<<30, 61<<30))
	require.Equal(t, "10.0 MiB of 1.0 GiB", Moved(10<<20, 1<<30))
	require.Equal(t, "10.0 MiB", Moved(10<<20, 0))
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 ms", 8 * time.Millisecond: "8 ms", 999 * time.Millisecond: "999 ms", 3250 * time.Millisecond: "3.2 s",
		59990 * time.Millisecond: "59.9 s", 245 * time.Second: "4m05s", 2*time.Hour + 3*time.Minute + 59*time.Second: "2h03m",
	} {
		require.Equal(t, want, Elapsed(d))
	}
	for d, want := range map[time.Duration]string{-1: "0s", 119 * time.Second: "119s", 12 * time.Minute: "12m", 5 * time.Hour: "5h", 9 * 24 * time.Hour: "9d"} {
		require.Equal(t, want, Age(d))
	}
	require.Equal(t, 2*time.Second, since(at(2*time.Second), noon))
	require.Zero(t, since("yesterday", noon))
	require.Zero(t, since(noon.Add(time.Hour).Format(time.RFC3339), noon), "clocks differ")
}

func TestJSONForms(t *testing.T) {
	o, b := pipe()
	require.NoError(t, List(o, "json", []string(nil)))
	require.Equal(t, "[]\n", b.String(), "a list is never null")
	b.Reset()
	require.NoError(t, List(o, "jsonl", []map[string]string{{"a": "<1>"}, {"a": "2"}}))
	require.Equal(t, "{\"a\":\"<1>\"}\n{\"a\":\"2\"}\n", b.String())
	b.Reset()
	require.NoError(t, Data(o, "json", map[string]int{"a": 1}))
	require.Equal(t, "{\n  \"a\": 1\n}\n", b.String())
}

// uncoloured matches what a colour is on a terminal.
var uncoloured = regexp.MustCompile("\x1b\\[[0-9]*m")
