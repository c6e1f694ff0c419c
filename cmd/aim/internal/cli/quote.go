package cli

import (
	"regexp"
	"strings"
)

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// Quote protects a word from a shell where it needs it.
func Quote(w string) string {
	if plainWord.MatchString(w) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// QuoteAll quotes words for a shell where they need it.
func QuoteAll(words []string) []string {
	quoted := make([]string, 0, len(words))
	for _, w := range words {
		quoted = append(quoted, Quote(w))
	}
	return quoted
}
