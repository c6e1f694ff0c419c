package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/inventory"
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

// Models asks nodes what a model says of itself: they have the folders, the
// caches, and the tokens of the hub.
type Models struct{ nats *inventory.Conn }

// NewModels asks over this connection.
func NewModels(nats *inventory.Conn) *Models { return &Models{nats} }

// Describe asks one node after the other until one has read the config.json.
// The error is the last node's Failure, of class node_lost where there is no
// node to ask.
func (m *Models) Describe(ctx context.Context, spec aim.DeploymentSpec, fleet aim.Fleet) (recipes.Description, error) {
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	question, err := json.Marshal(activities.DescribeRequest{Model: spec.Model, Revision: spec.Revision, Secrets: spec.Secrets})
	if err != nil {
		return recipes.Description{}, fmt.Errorf("ask about model %s: %w", spec.Model, err)
	}
	var last error = aim.Failf(aim.ClassNodeLost, "there is no node that could be asked for its config.json").WithHint("aim node list")
	for _, node := range whoKnows(spec.Model, fleet) {
		var d recipes.Description
		if d, last = m.ask(ctx, node, question); last == nil {
			return d, nil
		}
	}
	return recipes.Description{}, last
}

// ask reads one node's answer.
func (m *Models) ask(ctx context.Context, node string, question []byte) (d recipes.Description, err error) {
	answer, err := inventory.Ask(ctx, m.nats, node, inventory.QuestionModel, question)
	if err != nil {
		return d, err
	}
	defer answer.Close()
	if err := json.NewDecoder(answer).Decode(&d); err != nil {
		return d, aim.FailureOf(fmt.Errorf("read the answer of node %s about a model: %w", node, err))
	}
	return d, nil
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

// answerModel answers what a model says of itself.
func (n *Node) answerModel(ctx context.Context, payload []byte, write func([]byte) error) error {
	var q activities.DescribeRequest
	if err := json.Unmarshal(payload, &q); err != nil {
		return fmt.Errorf("read the question about a model: %w", err)
	}
	d, err := n.node.Describe(ctx, q)
	if err != nil {
		return err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return write(data)
}
