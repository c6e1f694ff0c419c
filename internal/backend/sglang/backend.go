package sglang

import (
	"strconv"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/command"
)

// Backend implements the port of an LLM server for SGLang.
type Backend struct {
	// AllowRemoteCode lets a rung carry trust-remote-code. It is the node's
	// own setting: whoever deploys must not decide it.
	AllowRemoteCode bool
}

// New returns a backend that lets no server run code of a model repository.
func New() Backend { return Backend{} }

// Name is "sglang".
func (Backend) Name() string { return "sglang" }

// Args renders the words after "python3 -m sglang.launch_server" and the
// environment. Every option is checked once more against the table of the
// rung's version. The error is a Failure.
func (b Backend) Args(rung aim.Rung, host string, port int) (args []string, env map[string]string, err error) {
	table, err := command.Table("sglang", rung, b.AllowRemoteCode)
	if err == nil {
		err = command.OneNode("SGLang", rung)
	}
	if err != nil {
		return nil, nil, err
	}
	own := []aim.Option{
		{Name: "model-path", Value: rung.Model},
		{Name: "served-model-name", Value: rung.ServedName},
		{Name: "host", Value: host},
		{Name: "port", Value: strconv.Itoa(port)},
		{Name: "enable-metrics", Bare: true},
	}
	if rung.GPUs > 1 {
		own = append(own, aim.Option{Name: "tp-size", Value: strconv.Itoa(rung.GPUs)})
	}
	if rung.Revision != "" {
		own = append(own, aim.Option{Name: "revision", Value: rung.Revision})
	}
	// A generating model gives embeddings only when it is told to; one that was
	// made for them needs no flag but takes it.
	if rung.Task == "embed" && !table.Has(rung.Options, "is-embedding") {
		own = append(own, aim.Option{Name: "is-embedding", Bare: true})
	}
	args = append(table.Render(own), table.Render(rung.Options)...)
	return args, command.Environment(rung, command.ROCm()), nil
}

// Entrypoint is the launch command for SGLang's own images and AMD's builds of
// it, which start a shell.
func (Backend) Entrypoint(image string) []string {
	for _, name := range []string{"lmsysorg/sglang", "rocm/sgl-dev"} {
		if command.IsImage(image, name) {
			return []string{"python3", "-m", "sglang.launch_server"}
		}
	}
	return nil
}
