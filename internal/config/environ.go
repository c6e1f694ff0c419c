package config

import (
	"slices"
	"strings"
)

// Environ is the environment without the variables that settings are read from:
// for a process that is to have settings of its own.
func Environ(environ []string) []string {
	var s Settings
	names := []string{"AIM_CONFIG"}
	for _, k := range s.keys("", "") {
		names = append(names, k.environment())
		names = append(names, k.usual...)
	}
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(names, name)
	})
}
