package node

import (
	"context"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// FetchModel makes the weights complete in the node's cache.
func (n *Node) FetchModel(ctx context.Context, req activities.FetchRequest) (activities.StepResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ended := func(err error) error { return err }
	if req.UID != "" {
		attempt, a, leave := n.enter(ctx, req.Identity)
		defer leave()
		ctx, ended = attempt, func(err error) error { return a.ended(err, n.opts.ID) }
	}
	hub, err := n.hub(req.Secrets)
	if err != nil {
		return activities.StepResult{}, activities.Carry(err)
	}
	if _, err := hub.Fetch(ctx, req.Model, req.Revision, beat.Report); err != nil {
		return activities.StepResult{Bytes: beat.Done()}, activities.Carry(ended(err))
	}
	for _, c := range req.Companions {
		if _, err := hub.FetchCompanion(ctx, c, beat.Report); err != nil {
			return activities.StepResult{Bytes: beat.Done()}, activities.Carry(ended(err))
		}
	}
	n.announce() // the model is cached here now
	return activities.StepResult{Bytes: beat.Done()}, nil
}

// RemoveModel deletes a model from the node's cache, unless a server that runs
// here reads it.
func (n *Node) RemoveModel(ctx context.Context, req activities.RemoveModelRequest) (activities.StepResult, error) {
	hub, err := n.ports.Hub("")
	if err != nil {
		return activities.StepResult{}, activities.Carry(err)
	}
	user, err := n.readerOf(ctx, req.Model)
	if err != nil {
		return activities.StepResult{}, activities.Carry(err)
	}
	if user != "" {
		return activities.StepResult{}, activities.Carry(aim.Failf(aim.ClassConflict, "model %s is in use by %s on node %s", req.Model, user, n.opts.ID).
			WithHint("stop it first: aim stop %s", strings.Split(user, "/")[0]))
	}
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	if err := hub.Remove(ctx, req.Model); err != nil {
		return activities.StepResult{}, activities.Carry(err)
	}
	n.announce()
	return activities.StepResult{}, nil
}

// readerOf names a replica whose server, running here, reads the model; "" is
// none.
func (n *Node) readerOf(ctx context.Context, model string) (string, error) {
	for _, r := range n.ports.Runtimes {
		servers, err := r.List(ctx)
		if err != nil {
			return "", err
		}
		for _, s := range servers {
			if s.Running && (s.Weights == model || s.Weights == "" && s.Model == model) {
				return s.ReplicaName(), nil
			}
		}
	}
	return "", nil
}

// accessWithin bounds the question whether a model may be read: a claim is to be
// answered in seconds, and a hub that is slow is found out by the fetch.
const accessWithin = 2 * time.Second

// checkAccess refuses a claim for a model that this node can never read: gated
// and without a token that opens it, or not there at all. Whatever else is wrong
// with the hub may pass, and is the fetch's to wait for.
func (n *Node) checkAccess(ctx context.Context, req activities.ClaimRequest) error {
	if req.Model == "" {
		return nil
	}
	hub, err := n.hub(req.Secrets)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, accessWithin)
	defer cancel()
	err = hub.CheckAccess(ctx, req.Model, req.Revision)
	if err == nil {
		return nil
	}
	switch aim.FailureOf(err).Class {
	case aim.ClassAuth, aim.ClassMissing, aim.ClassInput:
		return err
	}
	return nil
}

// hub opens the model hub with the token that the deployment or the node names.
func (n *Node) hub(secrets map[string]string) (Hub, error) {
	ref, ok := secrets["HF_TOKEN"]
	if !ok || ref == n.opts.HubToken {
		token, _ := n.resolveSecret(n.opts.HubToken) // the node's own token is optional
		return n.ports.Hub(token)
	}
	token, err := n.secret(ref)
	if err != nil {
		return nil, err
	}
	return n.ports.Hub(token)
}
