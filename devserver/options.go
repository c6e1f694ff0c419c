package devserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
)

// Options say where the parts listen and what they keep. The zero value keeps
// everything in memory and takes free ports on 127.0.0.1.
type Options struct {
	// Dir holds the SQLite file and is made if it does not exist. Empty keeps
	// everything in memory.
	Dir string
	// IP is the address that clients connect to; "127.0.0.1" if empty.
	// Temporal's own services talk over 127.0.0.1 whatever it is.
	IP string
	// TemporalPort, UIPort and NATSPort are TCP ports; 0 takes a free one.
	TemporalPort, UIPort, NATSPort int
	// Namespace is created if it does not exist; "default" if empty.
	Namespace string
	// SearchAttributes are added to Namespace where they are missing.
	SearchAttributes []SearchAttribute
	// ReadyFile, if set, appears when everything serves and goes when Stop is
	// called. It holds one Ready as JSON.
	ReadyFile string
	// Logger takes what all parts log; slog.Default() if nil.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.IP == "" {
		o.IP = loopback
	}
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// validate finds what would otherwise fail in the middle of a start. Ports and
// the directory are tried, not guessed about.
func (o Options) validate() error {
	if _, err := netip.ParseAddr(o.IP); err != nil {
		return fmt.Errorf("listen on %q: not an IP address: give one such as 127.0.0.1 with --ip", o.IP)
	}
	if o.Namespace == "temporal-system" {
		return errors.New(`create namespace "temporal-system": it belongs to Temporal: choose another with --namespace`)
	}
	for _, port := range []int{o.TemporalPort, o.UIPort, o.NATSPort} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("listen on port %d: a port is 1 to 65535, or 0 for a free one", port)
		}
	}
	seen := make(map[string]bool, len(o.SearchAttributes))
	for _, a := range o.SearchAttributes {
		if seen[a.Name] {
			return fmt.Errorf("search attribute %s is given twice: leave one --search-attribute out", a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}
