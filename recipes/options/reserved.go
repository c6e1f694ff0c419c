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

// vllmReserved lists vLLM's options that users and recipes may not set, with
// the reason.
var vllmReserved = map[string]string{
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

	"trust-remote-code":       fmt.Sprintf(runsCode, "the model repository's; a node's operator allows it with node.remote_code"),
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

// sglangReserved lists SGLang's.
var sglangReserved = map[string]string{
	"model-path":        fmt.Sprintf(setByField, "model"),
	"revision":          fmt.Sprintf(setByField, "revision"),
	"served-model-name": fmt.Sprintf(setByField, "served_name"),

	"tp-size":        fmt.Sprintf(setByField, "gpus"),
	"dp-size":        fmt.Sprintf(setByField, "replicas"),
	"pp-size":        fmt.Sprintf(setByField, "nodes"),
	"nnodes":         fmt.Sprintf(setByField, "nodes"),
	"node-rank":      fmt.Sprintf(setByField, "nodes"),
	"dist-init-addr": fmt.Sprintf(setByField, "nodes"),
	"device":         fmt.Sprintf(setByEngine, "a server sees only the GPUs of its claim"),
	"base-gpu-id":    fmt.Sprintf(setByEngine, "a server sees only the GPUs of its claim"),
	"gpu-id-step":    fmt.Sprintf(setByEngine, "a server sees only the GPUs of its claim"),

	"host":              fmt.Sprintf(setByEngine, "the node chooses where a server listens"),
	"port":              fmt.Sprintf(setByEngine, "the node chooses where a server listens"),
	"fastapi-root-path": fmt.Sprintf(setByEngine, "its probes need the server's own paths"),
	"grpc-mode":         fmt.Sprintf(setByEngine, "its probes and its gateway speak HTTP"),
	"enable-metrics":    fmt.Sprintf(setByEngine, "it reads the server's metrics"),
	"log-level":         fmt.Sprintf(setByEngine, "it reads the server's log"),
	"api-key":           fmt.Sprintf(setByEngine, "a key on a command line can be read by everybody on the node"),
	"admin-api-key":     fmt.Sprintf(setByEngine, "a key on a command line can be read by everybody on the node"),
	"download-dir":      fmt.Sprintf(setByEngine, "weights live in the node's cache"),
	"config":            "options come from the recipe and from args, never from a file on the node",
	"crash-dump-folder": "it writes the requests of users to the node's disk",
	"file-storage-path": "it writes files of users to the node's disk",

	"trust-remote-code":             fmt.Sprintf(runsCode, "the model repository's; a node's operator allows it with node.remote_code"),
	"custom-weight-loader":          fmt.Sprintf(runsCode, "a loader from a Python path"),
	"enable-custom-logit-processor": fmt.Sprintf(runsCode, "processors that come with requests"),
	"warmups":                       fmt.Sprintf(runsCode, "functions by name"),
	"tool-server":                   "it lets the server call other servers",
}

// tgiReserved lists those of TGI.
var tgiReserved = map[string]string{
	"model-id": fmt.Sprintf(setByField, "model"),
	"revision": fmt.Sprintf(setByField, "revision"),

	"num-shard":      fmt.Sprintf(setByField, "gpus"),
	"sharded":        fmt.Sprintf(setByField, "gpus"),
	"master-addr":    fmt.Sprintf(setByEngine, "a server runs on one node"),
	"master-port":    fmt.Sprintf(setByEngine, "a server runs on one node"),
	"shard-uds-path": fmt.Sprintf(setByEngine, "a server runs on one node"),
	"kv-cache-dtype": "the server has it on CUDA alone, not on ROCm",

	"hostname":               fmt.Sprintf(setByEngine, "the node chooses where a server listens"),
	"port":                   fmt.Sprintf(setByEngine, "the node chooses where a server listens"),
	"json-output":            fmt.Sprintf(setByEngine, "it reads the server's log"),
	"usage-stats":            fmt.Sprintf(setByEngine, "a server does not report to others"),
	"api-key":                fmt.Sprintf(setByEngine, "a key on a command line can be read by everybody on the node"),
	"huggingface-hub-cache":  fmt.Sprintf(setByEngine, "weights live in the node's cache"),
	"weights-cache-override": fmt.Sprintf(setByEngine, "weights live in the node's cache"),
	"ngrok":                  "it opens the server to the internet",
	"ngrok-authtoken":        "it opens the server to the internet",
	"ngrok-edge":             "it opens the server to the internet",

	"trust-remote-code": fmt.Sprintf(runsCode, "the model repository's; a node's operator allows it with node.remote_code"),
}

// reserved are the lists by backend.
var reserved = map[string]map[string]string{"vllm": vllmReserved, "sglang": sglangReserved, "tgi": tgiReserved}

// reservedPrefix covers the family of vLLM whose every option is reserved.
const reservedPrefix = "data-parallel-"

// reservedReason says why users and recipes may not set the option (full name
// without dashes), "" when they may.
func (t *Table) reservedReason(name string) string {
	if t.Backend == "vllm" && strings.HasPrefix(name, reservedPrefix) {
		return fmt.Sprintf(setByField, "replicas")
	}
	return reserved[t.Backend][name]
}

func (t *Table) checkReserved(name string, allowed []string) *Problem {
	base := t.base(name)
	reason := t.reservedReason(base)
	if reason == "" || slices.Contains(allowed, base) {
		return nil
	}
	return &Problem{Option: base, Kind: Reserved, Why: reason, Hint: "leave it out"}
}
