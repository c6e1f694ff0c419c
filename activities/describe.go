package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes"
)

// Models finds out what a model says of itself, for models that no recipe runs.
type Models interface {
	// Describe reads the config.json of the spec's model where the nodes would
	// take its weights from. The error is a Failure.
	Describe(ctx context.Context, spec aim.DeploymentSpec, fleet aim.Fleet) (recipes.Description, error)
}

// DescribeRequest asks a node what a model says of itself.
type DescribeRequest struct {
	Model    string            `json:"model"`
	Revision string            `json:"revision,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"` // references; HF_TOKEN opens gated models
}

// Describe reads a model's config.json: in its folder, in the node's cache, or
// on the hub, with the token that the deployment or the node names.
func (n *Node) Describe(ctx context.Context, req DescribeRequest) (recipes.Description, error) {
	hub, err := n.hub(req.Secrets)
	if err != nil {
		return recipes.Description{}, err
	}
	config, bytes, err := hub.Describe(ctx, req.Model, req.Revision)
	return recipes.Description{Model: req.Model, Config: config, WeightBytes: bytes, From: "its config.json on " + n.opts.ID}, err
}

// Ladder chooses the ladder of a spec: from the catalogue, and for a model that
// the catalogue does not know from what the model says of itself.
func Ladder(ctx context.Context, c Catalogue, models Models, spec aim.DeploymentSpec, fleet aim.Fleet) (aim.Ladder, error) {
	ladder, unknown := c.Ladder(spec, fleet)
	if unknown == nil || models == nil || spec.Validate() != nil || c.Knows(spec.Model) {
		return ladder, unknown
	}
	d, err := models.Describe(ctx, spec, fleet)
	if err == nil {
		return c.LadderFrom(spec, fleet, d)
	}
	var f *aim.Failure
	if !errors.As(err, &f) {
		return aim.Ladder{}, err
	}
	return aim.Ladder{}, Undescribed(aim.FailureOf(unknown), f)
}

// Undescribed joins what the catalogue and the nodes say. A model that is
// nowhere is most often a typing error: then the catalogue's nearest names
// matter, and there is no recipe; else what keeps it from being read does.
func Undescribed(unknown, f *aim.Failure) *aim.Failure {
	both := *f
	both.Why = fmt.Sprintf("%s; and %s", unknown.Why, f.Why)
	if f.Class == aim.ClassMissing || f.Class == aim.ClassNodeLost {
		both.Class, both.Hint = aim.ClassNoRecipe, unknown.Hint
	}
	return &both
}
