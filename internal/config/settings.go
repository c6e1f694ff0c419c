package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Settings is everything that can be set from outside. It is filled once by
// Load and never changed.
type Settings struct {
	Output   string     // how data is printed: one of Outputs
	Color    string     // one of Colors
	LogLevel slog.Level // of daemons
	Dir      string     // state folder of `aim up`; absolute

	Temporal Temporal
	NATS     NATS
	Docker   Docker
	Control  Control
	Node     Node

	sources map[string]string
}

// Temporal says how to reach the Temporal frontend.
type Temporal struct {
	Address   string // host:port
	Namespace string
	APIKey    string // secret reference
	TLSCert   string // file; with TLSKey for mutual TLS
	TLSKey    string // file
	TLSCA     string // file; "" = the system's
}

// NATS says how to reach NATS.
type NATS struct {
	URL   string
	Creds string // file
}

// Docker says how to reach the Docker daemon.
type Docker struct {
	Host string // DOCKER_HOST; "" = the default socket
}

// Control are the settings of `aim control run`.
type Control struct {
	ID      string   // "" = hostname and pid
	Metrics string   // address of /metrics, /healthz and /readyz; "" = none
	Recipes []string // folders that add to the built-in catalogue; also read by the CLI
	Relief  string   // off, propose, move or preempt: what may be done to make room for those who wait
}

// Node are the settings of `aim node run`. worker.NodeConfig tells more.
type Node struct {
	ID      string
	Address string // "" = loopback
	Labels  map[string]string
	Dir     string
	Metrics string

	Sysfs string // folder above sys/, or sys/ itself
	Dev   string

	Runtime    string              // docker, process, or "" for docker where it answers
	Commands   map[string][]string // process runtime: backend -> program and first arguments
	Ports      Ports               // of endpoints
	Shares     bool                // replicas may share the memory of one GPU
	Level      string
	Registries []string
	Grace      time.Duration

	Cache       string
	HubEndpoint string
	HubOffline  bool
	HubToken    string // secret reference
	WeightRoots []string

	SimulateRoot string
	Rescan       time.Duration
	Silence      time.Duration
}

// Ports is a range of TCP ports, written first-last.
type Ports struct{ First, Last int }

// String writes the range as it is read.
func (p Ports) String() string { return fmt.Sprintf("%d-%d", p.First, p.Last) }

// UnmarshalText reads first-last.
func (p *Ports) UnmarshalText(text []byte) error {
	first, last, _ := strings.Cut(string(text), "-")
	var err1, err2 error
	p.First, err1 = strconv.Atoi(first)
	p.Last, err2 = strconv.Atoi(last)
	if err1 != nil || err2 != nil || p.First < 1 || p.Last > 65535 || p.First > p.Last {
		return errors.New("is not a range of ports such as 21000-21999")
	}
	return nil
}

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
