package display

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size for people, in binary units as GPU tools and LLM servers
// count: "196.6 GiB", "512 B".
func Bytes[T uint64 | int64 | float64](n T) string {
	value, unit := float64(n), 0
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for unit < len(units)-1 && (value >= 1024 || value <= -1024) {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%.0f B", value)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// Moved is how much of a size is done: "4.1 of 61.0 GiB", "4.1 GiB" when the
// whole is not known.
func Moved(done, total int64) string {
	if total <= 0 {
		return Bytes(done)
	}
	whole := Bytes(total)
	number, unit, _ := strings.Cut(whole, " ")
	part, partUnit, _ := strings.Cut(Bytes(done), " ")
	if unit == partUnit {
		return part + " of " + number + " " + unit
	}
	return Bytes(done) + " of " + whole
}

// Elapsed is how long something took or has been going on: "8 ms", "3.2 s",
// "4m05s", "2h03m".
func Elapsed(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Age is a rough time since something: "3s", "12m", "5h", "9d".
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Count is a number with its noun: "1 GPU", "16 GPUs".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// since is the time between an RFC 3339 stamp and now, 0 when it is no stamp.
func since(stamp string, now time.Time) time.Duration {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return 0
	}
	return max(now.Sub(t), 0)
}
