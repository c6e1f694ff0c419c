package options

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// reservedEnv lists the environment names that users and recipes may not set.
var reservedEnv = map[string]string{
	"HIP_VISIBLE_DEVICES":  "a server sees only the GPUs of its claim, numbered from 0",
	"ROCR_VISIBLE_DEVICES": "a server sees only the GPUs of its claim, numbered from 0",
	"CUDA_VISIBLE_DEVICES": "a server sees only the GPUs of its claim, numbered from 0",
	"GPU_DEVICE_ORDINAL":   "a server sees only the GPUs of its claim, numbered from 0",

	"HF_TOKEN":               "a token is given as a secret, by reference",
	"HUGGING_FACE_HUB_TOKEN": "a token is given as a secret, by reference",
	"VLLM_API_KEY":           "a key is given as a secret, by reference",
	"API_KEY":                "a key is given as a secret, by reference", // tgi's
	"HUGGINGFACE_HUB_CACHE":  "weights live in the node's cache",
	"HF_HOME":                "weights live in the node's cache",
	"HF_HUB_CACHE":           "weights live in the node's cache",
	"HF_HUB_OFFLINE":         "the node decides whether a server may fetch",

	"PATH":            "it decides which programs the server runs",
	"LD_PRELOAD":      "it makes the server load code",
	"LD_LIBRARY_PATH": "it makes the server load code",
	"PYTHONPATH":      "it makes the server load code",
	"PYTHONSTARTUP":   "it makes the server load code",
	"VLLM_PLUGINS":    "it makes the server load code",

	"VLLM_ALLOW_INSECURE_SERIALIZATION": "it lets requests run code in the server",
}

// CheckEnv finds the environment names that a user or recipe may not set, and
// names of the backend's own (VLLM_...) that this version does not read: the
// server would ignore them in silence. Of a version newer than the table, and of
// a backend whose names are not listed, unknown names are accepted.
func (t *Table) CheckEnv(env map[string]string) []Problem {
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if why := reservedEnv[name]; why != "" {
			problems = append(problems, Problem{Option: name, Kind: Reserved, Why: why, Hint: "leave it out"})
			continue
		}
		if p := t.unknownEnv(name); p != nil {
			problems = append(problems, *p)
		}
	}
	return problems
}

func (t *Table) unknownEnv(name string) *Problem {
	prefix := t.source.EnvPrefix
	if prefix == "" || !strings.HasPrefix(name, prefix) || t.env[name] || t.Newer {
		return nil
	}
	p := &Problem{Option: name, Kind: Unknown, Why: t.title() + " does not read it", Hint: "leave it out"}
	for _, e := range t.source.Env {
		if e.Name != name {
			continue
		}
		if e.LastSeen != "" {
			p.Kind, p.Why = Removed, fmt.Sprintf("%s no longer reads it, it was last in %s", t.title(), t.source.refName(e.LastSeen))
			return p
		}
		p.Kind, p.Why = TooNew, fmt.Sprintf("%s does not read it yet, it came with %s", t.title(), t.source.refName(e.FirstSeen))
		return p
	}
	if near := aim.Nearest(name, slices.Sorted(maps.Keys(t.env))); near != "" {
		p.Hint = fmt.Sprintf("did you mean %s?", near)
	}
	return p
}
