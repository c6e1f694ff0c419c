// Package command is what the backends share when they write a command line:
// the last check of a rung before it reaches a node's processes, and what is
// known of images.
//
//	table, err := command.Table("vllm", rung, allowRemoteCode)
//	args := table.Render(rung.Options)
//	env := command.Environment(rung, command.ROCm())
package command

import (
	"maps"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// remoteCode is the option that makes a server run code of the model
// repository; it has this name everywhere.
const remoteCode = "trust-remote-code"

// Table returns the option table of the rung's version, after it has refused
// what must not reach a command line: what comes to a node is not taken on
// trust. allowRemoteCode is the node's own setting. The error is a Failure.
func Table(backend string, rung aim.Rung, allowRemoteCode bool) (*options.Table, error) {
	table, err := options.For(backend, rung.Version)
	if err != nil {
		return nil, aim.Failf(aim.ClassOption, "rung %d: %v", rung.Number, err)
	}
	switch {
	case rung.Model == "" || strings.HasPrefix(rung.Model, "-"):
		return nil, aim.Failf(aim.ClassOption, "rung %d: %q is not a model", rung.Number, rung.Model)
	case rung.ServedName == "" || strings.ContainsAny(rung.ServedName, " \t\n"):
		return nil, aim.Failf(aim.ClassOption, "rung %d: %q cannot be the served name", rung.Number, rung.ServedName)
	}
	if err := checkOptions(table, rung, allowRemoteCode); err != nil {
		return nil, err
	}
	return table, nil
}

func checkOptions(table *options.Table, rung aim.Rung, allowRemoteCode bool) error {
	var allowed []string
	if allowRemoteCode {
		allowed = append(allowed, remoteCode)
	}
	if problems := table.CheckUser(rung.Options, allowed...); len(problems) > 0 {
		class := aim.ClassOption
		if problems[0].Option == remoteCode {
			class = aim.ClassRemoteCode
		}
		return aim.Failf(class, "rung %d: %s", rung.Number, problems[0])
	}
	if problems := table.CheckEnv(rung.Env); len(problems) > 0 {
		return aim.Failf(aim.ClassOption, "rung %d: environment %s: %s", rung.Number, problems[0].Option, problems[0].Why)
	}
	return nil
}

// OneNode refuses a rung that spans nodes, for a backend that is started on
// one.
func OneNode(backend string, rung aim.Rung) error {
	if rung.Nodes > 1 {
		return aim.Failf(aim.ClassOption, "rung %d spans %d nodes; a %s server is started on one", rung.Number, rung.Nodes, backend)
	}
	return nil
}

// ROCm returns what a server wants of ROCm, and vLLM's own image sets by
// itself: kernel arguments in device memory, no reclaim of scratch memory (which
// stalls with MEC firmware before 177), weights straight to the GPU.
func ROCm() map[string]string {
	return map[string]string{
		"HIP_FORCE_DEV_KERNARG":  "1",
		"HSA_NO_SCRATCH_RECLAIM": "1",
		"SAFETENSORS_FAST_GPU":   "1",
		"TOKENIZERS_PARALLELISM": "false",
	}
}

// Environment is the rung's, over what the image does not set by itself.
func Environment(rung aim.Rung, base map[string]string) map[string]string {
	env := map[string]string{}
	maps.Copy(env, base)
	maps.Copy(env, rung.Env)
	return env
}

// IsImage tells whether a reference is of the named repository, in whatever
// registry.
func IsImage(reference, repository string) bool {
	name, _, _ := strings.Cut(reference, "@")
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		name = name[:i]
	}
	return name == repository || strings.HasSuffix(name, "/"+repository)
}
