package config

import (
	"log/slog"

	"github.com/aim-engine/aim/internal/settings"
)

// Settings is everything that can be set from outside. It is filled once by
// Load and never changed.
type Settings struct {
	Output   string     // how data is printed: one of Outputs
	Color    string     // one of Colors
	LogLevel slog.Level // of daemons
	Dir      string     // state folder of `aim up`; absolute

	settings.Connection
	Control settings.Control
	Node    settings.Node
	Gateway settings.Gateway
	Admin   settings.Admin

	unread  error
	sources map[string]string
}

// Unread is why the addresses that an `aim up` keeps in Dir are not known, though there
// is one; nil where they are known, and where there is none.
func (s Settings) Unread() error { return s.unread }

// Outputs lists how data can be printed.
func Outputs() []string { return []string{"table", "json", "jsonl"} }

// Colors lists when output may be coloured.
func Colors() []string { return []string{"auto", "always", "never"} }

// Source tells where the value of a setting came from: a flag, an environment
// variable, a file, the running `aim up`, or "default".
func (s Settings) Source(key string) string { return s.sources[key] }

// Given tells whether somebody has set this setting: by flag, environment or
// file.
func (s Settings) Given(key string) bool {
	from := s.sources[key]
	return from != fromDefault && from != fromStack
}
