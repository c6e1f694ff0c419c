package aim

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression that is compiled when it is first needed. All of
// them together cost milliseconds, which every start of the command line and every
// shim of a server would pay for.
func Pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
