package display

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
)

var moving = Running{0: {{Step: "pull", Done: 4 << 30, Total: 61 << 30}, {Step: "fetch", Note: "waiting for the hub"}}}

func lines(items []Item) string {
	var b strings.Builder
	for _, i := range items {
		if i.Line != "" {
			b.WriteString(i.Line + "\n")
		}
	}
	return b.String()
}

func facts(items []Item) string {
	var b strings.Builder
	for _, i := range items {
		if i.Fact != "" {
			b.WriteString(i.Fact + "\n")
		}
	}
	return b.String()
}

func TestProgressTexts(t *testing.T) {
	o, _ := pipe()
	for name, s := range map[string]aim.Status{"pulling": pulling(), "ready": ready(), "waits": waits(), "failed": broken(), "crashing": crashing()} {
		t.Run(name, func(t *testing.T) {
			items := Progress(o, s, moving, noon)
			golden(t, "progress-"+name, lines(items)+"---\n"+facts(items))
			told := map[string]bool{}
			for _, i := range items {
				require.False(t, i.Fact != "" && told[i.Key], "two facts are about %q", i.Key)
				told[i.Key] = told[i.Key] || i.Fact != ""
			}
		})
	}
}

// A pipe hears every fact once, and again only when it changes.
func TestPipeHearsFactsOnce(t *testing.T) {
	o, b := pipe()
	live := NewLive(o)
	for _, fact := range []string{"", "pulling", "pulling", "pulled", "pulled"} {
		live.Show([]Item{{Key: "0 pull", Line: "not for pipes", Fact: fact}})
	}
	live.Close()
	require.Equal(t, "pulling\npulled\n", b.String())
}

// What was known before is not told again; what has changed since is.
func TestPipeDoesNotHearWhatWasKnown(t *testing.T) {
	o, b := pipe()
	live := NewLive(o)
	live.Known([]Item{{Key: "0 pull", Fact: "pulled"}, {Key: "0 start", Fact: "starting"}})
	live.Show([]Item{{Key: "0 pull", Fact: "pulled"}, {Key: "0 start", Fact: "started"}})
	require.Equal(t, "started\n", b.String())
}

// A terminal gets the block drawn over the last one; what is left of a longer
// one is wiped.
func TestTerminalIsRedrawn(t *testing.T) {
	o, b := screen()
	live := NewLive(o)
	live.Show([]Item{{Line: "one"}, {Line: "two"}})
	require.Equal(t, "\rone\x1b[K\n\rtwo\x1b[K\n\x1b[J", b.String())
	b.Reset()
	live.Show([]Item{{Line: "three"}})
	require.Equal(t, "\x1b[2A\rthree\x1b[K\n\x1b[J", b.String())
	b.Reset()
	live.Close()
	live.Show([]Item{{Line: "below"}})
	require.Equal(t, "\rbelow\x1b[K\n\x1b[J", b.String())
}
