// Package text writes sizes and lengths for people.
package text

import (
	"strconv"
	"strings"
)

// GiB writes bytes as GiB.
func GiB(bytes float64) string { return strconv.FormatFloat(bytes/(1<<30), 'f', 1, 64) + " GiB" }

// Tokens writes a length.
func Tokens(n int) string { return Grouped(n) + " tokens" }

// Grouped writes a number with commas between the thousands.
func Grouped(n int) string {
	s := strconv.Itoa(n)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// MiB writes bytes as MiB.
func MiB(bytes float64) string { return strconv.FormatFloat(bytes/(1<<20), 'f', 1, 64) + " MiB" }
