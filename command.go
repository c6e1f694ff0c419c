package aim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plainWord is what a shell takes as it is.
var plainWord = Pattern(`^[A-Za-z0-9_./:=,@%+-]+$`)

// Quote protects a word from a shell where it needs it.
func Quote(w string) string {
	if plainWord().MatchString(w) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// IsCommand tells whether a text is a command to type, and no sentence.
func IsCommand(text string) bool {
	program, _, _ := strings.Cut(text, " ")
	return slices.Contains([]string{"aim", "make", "docker", "temporal", "systemctl", "export"}, program)
}

// QuoteAll quotes words for a shell where they need it.
func QuoteAll(words []string) []string {
	quoted := make([]string, 0, len(words))
	for _, w := range words {
		quoted = append(quoted, Quote(w))
	}
	return quoted
}

// Command is the `aim deploy` that asks for this spec, to be pasted into a shell.
func (s DeploymentSpec) Command() string {
	usual := DeploymentSpec{Model: s.Model}.Defaulted()
	words := []string{"aim", "deploy", s.Model}
	flag := func(name, value string) {
		if value != "" {
			words = append(words, "--"+name, value)
		}
	}
	number := func(name string, n, usual int) {
		if n != 0 && n != usual {
			flag(name, strconv.Itoa(n))
		}
	}
	pairs := func(name string, values map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(values)) {
			flag(name, k+"="+values[k])
		}
	}
	if s.Name != usual.Name {
		flag("name", s.Name)
	}
	number("replicas", s.Replicas, 0)
	number("gpus", s.GPUs, 0)
	number("nodes", s.Nodes, usual.Nodes)
	if s.GPUMemory != 0 {
		flag("gpu-memory", s.GPUMemory.String())
	}
	flag("gpu-type", s.GPUType)
	flag("precision", s.Precision)
	flag("backend", s.Backend)
	flag("recipe", s.Recipe)
	flag("metric", s.Metric)
	flag("image", s.Image)
	flag("revision", s.Revision)
	flag("served-name", s.ServedName)
	for _, a := range s.Adapters {
		flag("adapter", a.String())
	}
	number("max-model-len", s.MaxModelLen, 0)
	pairs("env", s.Env)
	pairs("secret", s.Secrets)
	pairs("selector", s.Selector)
	number("priority", s.Priority, 0)
	number("min-available", s.MinAvailable, 0)
	number("max-unavailable", s.MaxUnavailable, usual.MaxUnavailable)
	if s.Timeout != 0 {
		flag("give-up-after", time.Duration(s.Timeout).String())
	}
	flag("set", s.Set)
	if len(s.Args) > 0 {
		words = append(append(words, "--"), s.Args...)
	}
	return strings.Join(QuoteAll(words), " ")
}
