// Package settings holds what can be set from outside: one plain struct for each
// program. Package config fills them by its table of keys; the code that a
// setting is for reads it here, and nobody copies one into a struct of his own.
package settings

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// Connection says how a program reaches Temporal and NATS.
type Connection struct {
	Temporal Temporal
	NATS     NATS
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
	URL     string // one server, or several with commas
	Creds   string // file with the user's JWT and seed; "" = none
	TLSCert string // file; with TLSKey for mutual TLS
	TLSKey  string // file
	TLSCA   string // file with the certificates to trust; "" = the system's
}

// Control are the settings of `aim control run`.
type Control struct {
	ID      string   // names this process in Temporal and logs; "" = hostname and pid
	Metrics string   // address of /metrics, /healthz and /readyz; "" = none, port 0 = any
	Recipes []string // folders that add to or override the built-in catalogue; also read by the command line
	Relief  string   // what may be done to make room for those who wait: off, propose, move or preempt
	Admin   string   // address of the administration; "" = none
	Store   string   // of keys, aliases and usage: sqlite:/path, postgres://..., or "" for none
	Token   string   // file with the administration's token, made where it is not there
}

// Node are the settings of `aim node run`.
type Node struct {
	ID      string            // DNS label; names queue, subjects and inventory
	Address string            // where endpoints listen and are reached; "" = found out at the start
	Labels  map[string]string // added to those of the state file
	Dir     string            // state: ledger, servers, logs
	Metrics string            // address of /metrics, /healthz and /readyz; "" = none

	Sysfs string // folder above sys/, or sys/ itself
	Dev   string // folder of kfd and dri/

	Runtime    string              // docker, process, or "" for docker where it answers
	DockerHost string              // address of the Docker daemon; "" = the local socket
	Commands   map[string][]string // process runtime: backend -> program and first arguments
	Ports      Ports               // of endpoints
	Shares     bool                // replicas may share the memory of one GPU
	Level      aim.ContainerLevel  // how tightly containers are closed
	Registries []string            // images that may run, see container.ImageRule; empty = all
	EnvAllowed []string            // environment that deployments may set beside what is known to tune; a trailing * matches the rest
	EnvInherit []string            // process runtime: the agent's environment that servers get, by name; a trailing * matches the rest
	ServerUser string              // process runtime of a root agent: name or uid[:gid] of servers; "" = 65532:65532, root = as the agent
	Secrets    []string            // secret references that deployments may name; a trailing * matches the rest
	Grace      time.Duration       // for a server to end by itself

	Weights
	RemoteCode []string // models whose own code servers may run; "owner/*" is all of an owner, "*" all

	// SimulateRoot marks a simulated node: the folder of its private tree, which
	// the stand-in server needs to see.
	SimulateRoot string

	Rescan  time.Duration // how often GPUs are read when nothing else asks
	Silence time.Duration // how long a claim may go without an activity of its owner before Temporal is asked whose it is
}

// Weights say where models come from and where they go.
type Weights struct {
	Cache       string   // Hugging Face home (HF_HOME), shared by all servers of the node; models lie in its folder hub
	HubEndpoint string   // base URL of the hub (HF_ENDPOINT); "" = the public one
	HubOffline  bool     // never ask the hub: only what is complete here can be had
	HubToken    string   // secret reference of the node's own token
	WeightRoots []string // folders below which a model may be given by path; empty = none may
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
