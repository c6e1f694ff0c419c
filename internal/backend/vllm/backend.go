package vllm

import (
	"maps"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// remoteCode is the option that makes a server run code of the model
// repository.
const remoteCode = "trust-remote-code"

// Backend implements the port of an LLM server for vLLM.
type Backend struct {
	// AllowRemoteCode lets a rung carry trust-remote-code. It is the node's
	// own setting: whoever deploys must not decide it.
	AllowRemoteCode bool
}

// New returns a backend that lets no server run code of a model repository.
func New() Backend { return Backend{} }

// Name is "vllm".
func (Backend) Name() string { return "vllm" }

// Args renders the words after "vllm serve" and the environment. Every option
// is checked once more against the table of the rung's version: what reaches a
// node is not taken on trust. The error is a Failure.
func (b Backend) Args(rung aim.Rung, host string, port int) (args []string, env map[string]string, err error) {
	table, err := options.For("vllm", rung.Version)
	if err != nil {
		return nil, nil, aim.Failf(aim.ClassOption, "rung %d: %v", rung.Number, err)
	}
	if err := b.check(table, rung); err != nil {
		return nil, nil, err
	}
	own := []aim.Option{
		{Name: "served-model-name", Value: rung.ServedName},
		{Name: "host", Value: host},
		{Name: "port", Value: strconv.Itoa(port)},
	}
	if rung.GPUs > 1 {
		own = append(own, aim.Option{Name: "tensor-parallel-size", Value: strconv.Itoa(rung.GPUs)})
	}
	if rung.Revision != "" {
		own = append(own, aim.Option{Name: "revision", Value: rung.Revision})
	}
	args = append([]string{rung.Model}, table.Render(own)...)
	args = append(args, table.Render(rung.Options)...)
	return args, environment(rung), nil
}

// check refuses what must not reach a command line.
func (b Backend) check(table *options.Table, rung aim.Rung) error {
	switch {
	case rung.Model == "" || strings.HasPrefix(rung.Model, "-"):
		return aim.Failf(aim.ClassOption, "rung %d: %q is not a model", rung.Number, rung.Model)
	case rung.ServedName == "" || strings.ContainsAny(rung.ServedName, " \t\n"):
		return aim.Failf(aim.ClassOption, "rung %d: %q cannot be the served name", rung.Number, rung.ServedName)
	case rung.Nodes > 1:
		return aim.Failf(aim.ClassOption, "rung %d spans %d nodes; a vLLM server is started on one", rung.Number, rung.Nodes)
	}
	var allowed []string
	if b.AllowRemoteCode {
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

// official begins the names of vLLM's own ROCm images. They set the variables
// below themselves and start "vllm serve".
const official = "vllm/vllm-openai-rocm"

// rocmEnv is what vLLM's own ROCm image sets and other images do not:
// kernel arguments in device memory, no reclaim of scratch memory (which
// stalls with MEC firmware before 177), weights straight to the GPU.
var rocmEnv = map[string]string{
	"HIP_FORCE_DEV_KERNARG":  "1",
	"HSA_NO_SCRATCH_RECLAIM": "1",
	"SAFETENSORS_FAST_GPU":   "1",
	"TOKENIZERS_PARALLELISM": "false",
}

// environment is the rung's, over what the image does not set by itself.
func environment(rung aim.Rung) map[string]string {
	env := map[string]string{}
	if !isImage(rung.Image, official) {
		maps.Copy(env, rocmEnv)
	}
	maps.Copy(env, rung.Env)
	return env
}

// Entrypoint puts "vllm serve" in place of the shell that AMD's images start.
func (Backend) Entrypoint(image string) []string {
	for _, name := range []string{"rocm/vllm", "rocm/vllm-dev"} {
		if isImage(image, name) {
			return []string{"vllm", "serve"}
		}
	}
	return nil
}

// isImage tells whether a reference is of the named repository, in whatever
// registry.
func isImage(reference, repository string) bool {
	name, _, _ := strings.Cut(reference, "@")
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		name = name[:i]
	}
	return name == repository || strings.HasSuffix(name, "/"+repository)
}
