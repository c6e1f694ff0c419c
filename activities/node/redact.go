package node

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aim-engine/aim"
)

// secrets remembers the values of the secrets that this agent has resolved, so
// that they can be taken out of what leaves the node.
type secrets struct {
	mu     sync.Mutex
	values []string // the longest first: one may begin with another
}

// shortest is the length from which a value is taken out of texts: shorter ones
// are words of every log, and no secrets worth the name.
const shortest = 6

// remember notes a value. One of several lines, as keys in files are, is noted
// line by line, since logs are.
func (s *secrets) remember(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= shortest && !slices.Contains(s.values, line) {
			s.values = append(s.values, line)
		}
	}
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
}

// learnSecrets resolves what the node's settings name in full: servers that an
// earlier agent has started may print it.
func (n *Node) learnSecrets() {
	for _, ref := range append([]string{n.opts.HubToken}, n.opts.Secrets...) {
		if !strings.HasSuffix(ref, "*") {
			_, _ = n.resolveSecret(ref) // what is not there cannot be printed
		}
	}
}

const removed = "[secret]"

// secretPatterns are secrets by their looks: tokens of Hugging Face (hf_ and 34
// letters and digits; hf_overrides is none), and what follows the name of a key
// or the word bearer.
var secretPatterns = []struct {
	text func() *regexp.Regexp
	by   string
}{
	{aim.Pattern(`\bhf_[A-Za-z0-9]{20,}`), removed},
	{aim.Pattern(`(?i)(--api-key\s+|api[-_]?key["']?\s*[=:]\s*[[("' ]*)[^\s"',\])}]+`), "${1}" + removed},
	{aim.Pattern(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]+`), "${1}" + removed},
}

// Redact takes secrets out of lines of a log: the values that this agent knows,
// and what looks like one.
func (n *Node) Redact(lines []byte) []byte {
	text := string(lines)
	n.secrets.mu.Lock()
	for _, value := range n.secrets.values {
		text = strings.ReplaceAll(text, value, removed)
	}
	n.secrets.mu.Unlock()
	for _, p := range secretPatterns {
		text = p.text().ReplaceAllString(text, p.by)
	}
	return []byte(text)
}
