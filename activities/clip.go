package activities

import "strings"

// How long texts may be that enter a history or an inventory: Temporal refuses a
// payload of more than 2 MiB, and one refused payload fails every later task.
const (
	MaxText     = 2 << 10 // bytes of a reason or a hint
	MaxNote     = 500     // of a note of progress, or of a line of a log
	maxLogLines = 20
)

// Clip keeps at most max bytes of a text, whole characters alone, and says where
// it has cut.
func Clip(s string, max int) string {
	const mark = "..."
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max-len(mark)], "") + mark
}
