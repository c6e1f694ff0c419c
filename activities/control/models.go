package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/recipes"
)

const (
	// describeWithin is how long nodes are asked about a model: a hub that is
	// slow takes some 10 s to be given up.
	describeWithin = 20 * time.Second
	// askedForModel is how many nodes are asked about a model of the hub: all of
	// them would hear the same. A folder may be on any one of them.
	askedForModel = 3
)

// Describe finds out what a model says of itself, for models that no recipe
// runs: it reads the config.json of the spec's model where the nodes would take
// its weights from. The error is a Failure.
type Describe func(ctx context.Context, spec aim.DeploymentSpec, fleet aim.Fleet) (recipes.Description, error)

// Ask puts a DescribeRequest, as JSON, to one node, and reads its answer.
type Ask func(ctx context.Context, node string, question []byte) (io.ReadCloser, error)

// AskNodes describes a model by asking nodes, which have the folders, the caches,
// and the tokens of the hub: one after the other until one has read the
// config.json. Its error is the last node's Failure, of class node_lost where
// there is no node to ask.
func AskNodes(ask Ask) Describe {
	return func(ctx context.Context, spec aim.DeploymentSpec, fleet aim.Fleet) (recipes.Description, error) {
		ctx, cancel := context.WithTimeout(ctx, describeWithin)
		defer cancel()
		question, err := json.Marshal(activities.DescribeRequest{Model: spec.Model, Revision: spec.Revision, Secrets: spec.Secrets})
		if err != nil {
			return recipes.Description{}, fmt.Errorf("ask about model %s: %w", spec.Model, err)
		}
		var last error = aim.Failf(aim.ClassNodeLost, "there is no node that could be asked for its config.json").WithHint("aim node list")
		for _, node := range whoKnows(spec.Model, fleet) {
			var d recipes.Description
			if d, last = ask.one(ctx, node, question); last == nil {
				return d, nil
			}
		}
		return recipes.Description{}, last
	}
}

// one reads one node's answer.
func (ask Ask) one(ctx context.Context, node string, question []byte) (d recipes.Description, err error) {
	answer, err := ask(ctx, node, question)
	if err != nil {
		return d, err
	}
	defer answer.Close()
	var read activities.DescribeResult
	if err := json.NewDecoder(answer).Decode(&read); err != nil {
		return d, aim.FailureOf(fmt.Errorf("read the answer of node %s about a model: %w", node, err))
	}
	return recipes.Description(read), nil
}

// whoKnows lists the nodes to ask: those that have the model, then others, by
// name.
func whoKnows(model string, fleet aim.Fleet) []string {
	var having, others []string
	for _, n := range fleet.Nodes {
		switch {
		case n.Liveness != aim.Alive:
		case slices.Contains(n.Models, model):
			having = append(having, n.ID)
		default:
			others = append(others, n.ID)
		}
	}
	all := append(having, others...)
	if !filepath.IsAbs(model) {
		all = all[:min(len(all), askedForModel)]
	}
	return all
}
