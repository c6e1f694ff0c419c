package vllm

import (
	"strconv"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/command"
)

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
// is checked once more against the table of the rung's version. The error is a
// Failure.
func (b Backend) Args(rung aim.Rung, host string, port int) (args []string, env map[string]string, err error) {
	table, err := command.Table("vllm", rung, b.AllowRemoteCode)
	if err == nil {
		err = command.OneNode("vLLM", rung)
	}
	if err != nil {
		return nil, nil, err
	}
	args = append([]string{rung.Model}, table.Render(ownOptions(rung, host, port))...)
	args = append(args, table.Render(rung.Options)...)
	return args, environment(rung), nil
}

// ownOptions are those that follow from the rung's fields and the node.
func ownOptions(rung aim.Rung, host string, port int) []aim.Option {
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
	return own
}

// official begins the names of vLLM's own ROCm images. They set what ROCm
// wants themselves and start "vllm serve".
const official = "vllm/vllm-openai-rocm"

func environment(rung aim.Rung) map[string]string {
	if command.IsImage(rung.Image, official) {
		return command.Environment(rung, nil)
	}
	return command.Environment(rung, command.ROCm())
}

// Entrypoint puts "vllm serve" in place of the shell that AMD's images start.
func (Backend) Entrypoint(image string) []string {
	for _, name := range []string{"rocm/vllm", "rocm/vllm-dev"} {
		if command.IsImage(image, name) {
			return []string{"vllm", "serve"}
		}
	}
	return nil
}
