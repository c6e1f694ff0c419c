package display

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// Load tells what servers do now in a few words: "3 running, 1 waiting, 120 tok/s".
// "" where nothing is known.
func Load(all ...*aim.Live) string {
	var running, waiting, out float64
	known := false
	for _, l := range all {
		if l == nil {
			continue
		}
		known = known || l.Running != nil || l.TokensOut != nil
		running += value(l.Running)
		waiting += value(l.Waiting)
		out += value(l.TokensOut)
	}
	if !known {
		return ""
	}
	text := fmt.Sprintf("%.0f running", running)
	if waiting > 0 {
		text += fmt.Sprintf(", %.0f waiting", waiting)
	}
	return text + fmt.Sprintf(", %s tok/s", Rate(&out))
}

// numbers tells all that is known of a server.
func numbers(l *aim.Live) string {
	if l == nil || Load(l) == "" {
		return ""
	}
	parts := []string{Load(l)}
	add := func(text string, v *float64, show func(*float64) string) {
		if v != nil {
			parts = append(parts, text+" "+show(v))
		}
	}
	add("prompts tok/s", l.TokensIn, Rate)
	add("KV cache", l.KVUse, Percent)
	add("prefix hits", l.PrefixHits, Percent)
	add("first token p50", l.FirstP50, Seconds)
	add("p95", l.FirstP95, Seconds)
	add("between tokens p50", l.BetweenP50, Seconds)
	add("p95", l.BetweenP95, Seconds)
	if value(l.Preemptions) > 0 {
		parts = append(parts, fmt.Sprintf("%.0f preempted", *l.Preemptions))
	}
	return strings.Join(parts, ", ")
}

func value(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// Rate, Percent, Seconds and Watts are numbers for tables, "-" for what is not
// known.
func Rate(v *float64) string {
	switch {
	case v == nil:
		return "-"
	case *v >= 10 || *v == 0:
		return fmt.Sprintf("%.0f", *v)
	}
	return fmt.Sprintf("%.1f", *v)
}

func Percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100**v)
}

func Seconds(v *float64) string {
	switch {
	case v == nil:
		return "-"
	case *v < 1:
		return fmt.Sprintf("%.0f ms", 1000**v)
	}
	return Elapsed(time.Duration(*v * float64(time.Second)))
}

func Watts(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f W", *v)
}

func whole(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f", *v)
}

func size(v *float64) string {
	if v == nil {
		return "-"
	}
	return Bytes(*v)
}

func degrees(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f °C", *v)
}
