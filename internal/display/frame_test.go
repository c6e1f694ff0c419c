package display

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aim-engine/aim"
)

// words is a text without its line breaks, blanks and colours.
func words(lines []string) string {
	text := strings.Join(lines, "")
	for _, r := range []string{" ", markDim, markEnd, markRed, markBold} {
		text = strings.ReplaceAll(text, r, "")
	}
	return text
}

// Wrapping loses nothing, and no line is wider than the screen.
func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`( {0,6})([a-zé…]{1,30} {1,3}){0,20}[a-z]{0,90}`).Draw(t, "text")
		width := rapid.IntRange(8, 100).Draw(t, "width")
		if rapid.Bool().Draw(t, "coloured") {
			text = markDim + text + markEnd
		}
		lines := wrap(text, width)
		for _, l := range lines {
			require.LessOrEqual(t, visible(l), width, "%q", l)
			require.Equal(t, strings.Contains(l, markDim), strings.Contains(l, markEnd), "%q leaves its colour on", l)
		}
		require.Equal(t, words([]string{text}), words(lines))
	})
}

// TestReasonsAreWhole: with ten replicas on a terminal of 60 by 20 that all fail alike,
// the head stays, and what is shown of a failure is shown to its end.
func TestReasonsAreWhole(t *testing.T) {
	s := crashing()
	one := s.Replicas[0]
	s.Wanted, s.Replicas = 10, nil
	for i := range 10 {
		r := one
		if r.Ordinal = i; i > 1 {
			r.Phase, r.Endpoint = aim.Ready, fmt.Sprintf("http://127.0.0.1:%d", 21000+i)
		}
		s.Replicas = append(s.Replicas, r)
	}
	o, _ := pipe()
	lines := frame(Progress(o, s, nil, noon), 60, 20)
	text := strings.Join(lines, "\n")
	require.LessOrEqual(t, len(lines), 19, text)
	require.True(t, strings.HasPrefix(text, "qwen3-8b  Qwen/Qwen3-8B  Degraded"), text)
	for _, l := range lines {
		require.LessOrEqual(t, visible(l), 60)
	}
	require.Contains(t, words(lines), words([]string{"attempts 2 to 6 (5 times, the last 20s ago), rung 1 (qwen3-8b-1xmi300x) on n1 failed: health error (exited): the server ended with code 1; same rung again"}), text)
	require.NotContains(t, text, "GPU memory ran out", "what is past is left out first:\n%s", text)
	golden(t, "frame-60x20", text+"\n")
}

// A screen of any size is not overrun, and begins with what it is about.
func TestFrameFits(t *testing.T) {
	o, _ := pipe()
	for _, s := range []aim.Status{pulling(), ready(), waits(), broken(), crashing()} {
		for width := 20; width < 200; width += 7 {
			for height := 2; height < 30; height++ {
				lines := frame(Progress(o, s, nil, noon), width, height)
				require.Less(t, len(lines), height)
				require.True(t, strings.HasPrefix(lines[0], s.Name), lines[0])
			}
		}
	}
}
