package supervise

import (
	"os"
	"strings"
)

// tailBytes bounds what is read of a log: more than a few lines of it.
const tailBytes = 8 << 10

// tail is the last n lines of a file beyond an offset, "" when there are none.
func tail(path string, from int64, n int) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		from = max(from, info.Size()-tailBytes)
	}
	buffer := make([]byte, tailBytes)
	read, _ := f.ReadAt(buffer, from) // a short read is the usual case
	lines := strings.Split(strings.TrimSpace(string(buffer[:read])), "\n")
	return strings.Join(lines[max(len(lines)-n, 0):], "\n")
}
