package options

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Reasons why a name is not a user's or a recipe's to set.
const (
	choosesGPUs  = "a server sees only the GPUs of its claim, numbered from 0"
	tokenByRef   = "a token is given as a secret, by reference"
	keyByRef     = "a key is given as a secret, by reference"
	weightsCache = "weights live in the node's cache"
	loadsCode    = "it makes the server load code"
)

// reservedEnv lists names, and with a trailing * families of names.
var reservedEnv = map[string]string{
	"HF_TOKEN":               tokenByRef,
	"HF_TOKEN_PATH":          tokenByRef,
	"HUGGING_FACE_HUB_TOKEN": tokenByRef,
	"VLLM_API_KEY":           keyByRef,
	"API_KEY":                keyByRef, // tgi's
	"HUGGINGFACE_HUB_CACHE":  weightsCache,
	"HF_HOME":                weightsCache,
	"HF_HUB_*":               "the node decides from where a server takes weights, and whether it may fetch",
	"HF_ENDPOINT":            "the node decides from where a server takes weights, and whether it may fetch",
	"TRANSFORMERS_CACHE":     weightsCache,
	"AIM_SIM_*":              "the node sets it for simulated servers",
	"_AIM_*":                 "AIM Engine uses it itself",

	"PATH":         "it decides which programs the server runs",
	"HOME":         "the node decides where a server writes",
	"SHELL":        "it decides which programs the server runs",
	"IFS":          "it decides which programs the server runs",
	"LD_*":         loadsCode,
	"PYTHON*":      loadsCode,
	"BASH_*":       loadsCode,
	"ENV":          loadsCode, // of sh
	"GCONV_PATH":   loadsCode,
	"VLLM_PLUGINS": loadsCode,

	"VLLM_ALLOW_INSECURE_SERIALIZATION": "it lets requests run code in the server",
}

// ReservedEnv says why users and recipes may not set the variable, "" when
// nothing speaks against it.
func ReservedEnv(name string) string {
	if ChoosesGPUs(name) {
		return choosesGPUs
	}
	for entry, why := range reservedEnv {
		if prefix, family := strings.CutSuffix(entry, "*"); name == entry || family && strings.HasPrefix(name, prefix) {
			return why
		}
	}
	return ""
}

// ChoosesGPUs tells whether a variable chooses among the GPUs that are there.
// Only a runtime may set one.
func ChoosesGPUs(name string) bool {
	return strings.HasSuffix(name, "_VISIBLE_DEVICES") || name == "GPU_DEVICE_ORDINAL"
}

// LoadsCode tells whether a variable is known to make programs run code that it
// names.
func LoadsCode(name string) bool { return ReservedEnv(name) == loadsCode }

// CheckEnv finds the environment names that a user or recipe may not set, and
// names of the backend's own (VLLM_...) that this version does not read: the
// server would ignore them in silence. Of a version newer than the table, and of
// a backend whose names are not listed, unknown names are accepted.
func (t *Table) CheckEnv(env map[string]string) []Problem {
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if why := ReservedEnv(name); why != "" {
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
