package vllm

import (
	"strconv"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/command"
)

// masterPort is where the ranks of a server that spans nodes meet, on the first
// one: vLLM's own default.
const masterPort = 29501

// Seat is one rank's place in a server that spans nodes.
type Seat struct {
	Rank int    // from 0, which alone serves HTTP
	Head string // address of the node of rank 0, as the others reach it
	Host string // where rank 0 listens
	Port int
}

// RankArgs renders the words after "vllm serve" for one rank of a rung that
// spans nodes: tensor parallel inside a node, pipeline parallel across nodes. All
// ranks get the same options, and all but the first run without HTTP. The error
// is a Failure.
func (b Backend) RankArgs(rung aim.Rung, at Seat) (args []string, env map[string]string, err error) {
	table, err := command.Table("vllm", rung, b.AllowRemoteCode)
	if err != nil {
		return nil, nil, err
	}
	if rung.Nodes < 2 || at.Rank < 0 || at.Rank >= rung.Nodes || at.Head == "" {
		return nil, nil, aim.Failf(aim.ClassOption, "rung %d: rank %d of %d nodes with head %q cannot be", rung.Number, at.Rank, rung.Nodes, at.Head)
	}
	own := append(ownOptions(rung, at.Host, at.Port),
		aim.Option{Name: "pipeline-parallel-size", Value: strconv.Itoa(rung.Nodes)},
		aim.Option{Name: "nnodes", Value: strconv.Itoa(rung.Nodes)},
		aim.Option{Name: "node-rank", Value: strconv.Itoa(at.Rank)},
		aim.Option{Name: "master-addr", Value: at.Head},
		aim.Option{Name: "master-port", Value: strconv.Itoa(masterPort)})
	if at.Rank > 0 {
		own = append(own, aim.Option{Name: "headless", Bare: true})
	}
	if problems := table.Check(own); len(problems) > 0 {
		return nil, nil, aim.Failf(aim.ClassOption, "rung %d: %s", rung.Number, problems[0])
	}
	args = append([]string{rung.Model}, table.Render(own)...)
	return append(args, table.Render(rung.Options)...), environment(rung), nil
}
