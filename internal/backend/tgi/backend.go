package tgi

import (
	"strconv"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/command"
)

// Backend implements the port of an LLM server for TGI.
type Backend struct {
	// AllowRemoteCode lets a rung carry trust-remote-code. It is the node's
	// own setting: whoever deploys must not decide it.
	AllowRemoteCode bool
}

// New returns a backend that lets no server run code of a model repository.
func New() Backend { return Backend{} }

// Name is "tgi".
func (Backend) Name() string { return "tgi" }

// Args renders the words after "text-generation-launcher" and the environment.
// Every option is checked once more against the table of the rung's version.
// The error is a Failure.
func (b Backend) Args(rung aim.Rung, host string, port int) (args []string, env map[string]string, err error) {
	table, err := command.Table("tgi", rung, b.AllowRemoteCode)
	if err == nil {
		err = command.OneNode("TGI", rung)
	}
	if err == nil && rung.Task != "" && rung.Task != "generate" {
		err = aim.Failf(aim.ClassOption, "rung %d: TGI generates text and cannot %s", rung.Number, rung.Task)
	}
	if err != nil {
		return nil, nil, err
	}
	own := []aim.Option{
		{Name: "model-id", Value: rung.Model},
		{Name: "hostname", Value: host},
		{Name: "port", Value: strconv.Itoa(port)},
		// Without a number it would take every GPU that it sees, which is the
		// same; the number makes a missing one an error.
		{Name: "num-shard", Value: strconv.Itoa(max(rung.GPUs, 1))},
		{Name: "usage-stats", Value: "off"},
	}
	if rung.Revision != "" {
		own = append(own, aim.Option{Name: "revision", Value: rung.Revision})
	}
	args = append(table.Render(own), table.Render(rung.Options)...)
	return args, command.Environment(rung, command.ROCm()), nil
}

// Entrypoint is nil: TGI's images start the launcher.
func (Backend) Entrypoint(string) []string { return nil }
