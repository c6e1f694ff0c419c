package options

import (
	"fmt"
	"slices"
	"strings"
)

// Reasons why an option is not a user's to set.
const (
	setByField  = "AIM Engine sets it from the field %s of the deployment"
	setByEngine = "AIM Engine sets it itself: %s"
	runsCode    = "it makes the server load code: %s"
	opensFiles  = "it opens files of the node to requests"
)

// reserved lists the options that users and recipes may not set, with the
// reason.
var reserved = map[string]string{
	"model":             fmt.Sprintf(setByField, "model"),
	"revision":          fmt.Sprintf(setByField, "revision"),
	"served-model-name": fmt.Sprintf(setByField, "served_name"),

	"tensor-parallel-size":         fmt.Sprintf(setByField, "gpus"),
	"pipeline-parallel-size":       fmt.Sprintf(setByField, "nodes"),
	"nnodes":                       fmt.Sprintf(setByField, "nodes"),
	"node-rank":                    fmt.Sprintf(setByField, "nodes"),
	"master-addr":                  fmt.Sprintf(setByField, "nodes"),
	"master-port":                  fmt.Sprintf(setByField, "nodes"),
	"headless":                     fmt.Sprintf(setByField, "nodes"),
	"distributed-executor-backend": fmt.Sprintf(setByEngine, "it starts one process a GPU, without Ray"),
	"device-ids":                   fmt.Sprintf(setByEngine, "a server sees only the GPUs of its claim"),

	"host":              fmt.Sprintf(setByEngine, "the node chooses where a server listens"),
	"port":              fmt.Sprintf(setByEngine, "the node chooses where a server listens"),
	"uds":               fmt.Sprintf(setByEngine, "the node chooses where a server listens"),
	"root-path":         fmt.Sprintf(setByEngine, "its probes need the server's own paths"),
	"grpc":              fmt.Sprintf(setByEngine, "its probes and its gateway speak HTTP"),
	"ssl-keyfile":       fmt.Sprintf(setByEngine, "TLS ends at the gateway"),
	"ssl-certfile":      fmt.Sprintf(setByEngine, "TLS ends at the gateway"),
	"ssl-ca-certs":      fmt.Sprintf(setByEngine, "TLS ends at the gateway"),
	"ssl-cert-reqs":     fmt.Sprintf(setByEngine, "TLS ends at the gateway"),
	"ssl-ciphers":       fmt.Sprintf(setByEngine, "TLS ends at the gateway"),
	"api-key":           fmt.Sprintf(setByEngine, "a key on a command line can be read by everybody on the node"),
	"hf-token":          "a token on a command line can be read by everybody on the node; give HF_TOKEN as a secret",
	"download-dir":      fmt.Sprintf(setByEngine, "weights live in the node's cache"),
	"config":            "options come from the recipe and from args, never from a file on the node",
	"log-config-file":   fmt.Sprintf(setByEngine, "it reads the server's log"),
	"disable-log-stats": fmt.Sprintf(setByEngine, "it reads the server's metrics"),

	"trust-remote-code":       fmt.Sprintf(runsCode, "the model repository's; the operator of the fleet must allow it"),
	"middleware":              fmt.Sprintf(runsCode, "middleware from a Python path"),
	"tool-parser-plugin":      fmt.Sprintf(runsCode, "a parser from a file"),
	"reasoning-parser-plugin": fmt.Sprintf(runsCode, "a parser from a file"),
	"logits-processors":       fmt.Sprintf(runsCode, "processors from a Python path"),
	"io-processor-plugin":     fmt.Sprintf(runsCode, "a plugin from a Python path"),
	"scheduler-cls":           fmt.Sprintf(runsCode, "a class from a Python path"),
	"worker-cls":              fmt.Sprintf(runsCode, "a class from a Python path"),
	"worker-extension-cls":    fmt.Sprintf(runsCode, "a class from a Python path"),

	"allowed-local-media-path": opensFiles,
}

// reservedPrefix covers the families whose every option is reserved.
const reservedPrefix = "data-parallel-"

// ReservedReason says why users and recipes may not set the option (full name
// without dashes), "" when they may.
func ReservedReason(name string) string {
	if strings.HasPrefix(name, reservedPrefix) {
		return fmt.Sprintf(setByField, "replicas")
	}
	return reserved[name]
}

func (t *Table) checkReserved(name string, allowed []string) *Problem {
	base := t.base(name)
	reason := ReservedReason(base)
	if reason == "" || slices.Contains(allowed, base) {
		return nil
	}
	return &Problem{Option: base, Kind: Reserved, Why: reason, Hint: "leave it out"}
}
