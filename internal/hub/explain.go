package hub

import (
	"context"
	"errors"
	"net/http"

	"github.com/aim-engine/aim"
)

// explain turns what went wrong into a Failure with the next thing to do. A
// Failure stays what it is, and so does the end of ctx.
func (h *Hub) explain(ctx context.Context, r repo, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f, ok := errors.AsType[*aim.Failure](err); ok {
		if f.Class == aim.ClassMissing {
			return aim.Failf(f.Class, "model %s: %s", r, f.Why).WithHint("%s", f.Hint)
		}
		return f
	}
	if a, ok := errors.AsType[*answer](err); ok {
		return h.refused(r, a, err)
	}
	if outOfSpace(err) {
		return h.diskFull(r, err)
	}
	if _, ok := errors.AsType[diskError](err); ok {
		return aim.Failf(aim.ClassWeights, "cannot change model %s in the cache: %v", r, err).
			WithHint("look at permissions and health of %s on the node; links that lead out of it are not followed", h.cache)
	}
	return aim.Failf(aim.ClassWeights, "cannot fetch model %s from %s: %v", r, h.endpoint.Host, err).
		WithHint("what has arrived is kept; look at the network of the node, or name a mirror with HF_ENDPOINT")
}

// refused explains an answer of the hub. Three different things stop a reader of
// a gated model, and each has its own remedy.
func (h *Hub) refused(r repo, a *answer, err error) *aim.Failure {
	page := h.endpoint.JoinPath(r.id).String()
	switch {
	case a.passing():
		return aim.Failf(aim.ClassWeights, "cannot fetch model %s: %v", r, err).
			WithHint("what has arrived is kept; try again when the hub is well")
	case a.code == "RevisionNotFound":
		return aim.Failf(aim.ClassMissing, "model %s has no revision %q", r.id, r.revision).
			WithHint("its branches and tags are at %s/tree/main", page)
	case a.code == "RepoNotFound", a.status == http.StatusNotFound:
		return aim.Failf(aim.ClassMissing, "model %s does not exist on %s, or is private", r, h.endpoint.Host).
			WithHint("check the spelling; for a private model give the node a token that may read it (HF_TOKEN)")
	case a.status == http.StatusUnauthorized && !a.hadToken:
		return aim.Failf(aim.ClassAuth, "model %s is gated, and this node has no Hugging Face token", r).
			WithHint("accept its licence at %s, then give the node a token (HF_TOKEN)", page)
	case a.status == http.StatusUnauthorized:
		return aim.Failf(aim.ClassAuth, "the hub does not accept the Hugging Face token of this node (asked for model %s)", r).
			WithHint("make a new token at %s and give it to the node (HF_TOKEN)", h.endpoint.JoinPath("settings", "tokens"))
	case a.status == http.StatusForbidden:
		return aim.Failf(aim.ClassAuth, "the account of this node's token may not read model %s: its licence is not accepted%s", r, said(a)).
			WithHint("accept the licence at %s with that account; a fine-grained token also needs read access to gated repositories", page)
	}
	return aim.Failf(aim.ClassWeights, "cannot fetch model %s: %v", r, err).
		WithHint("check that %s is a Hugging Face hub or a mirror of one", h.endpoint)
}

// said quotes the hub.
func said(a *answer) string {
	if a.message == "" {
		return ""
	}
	return " (" + a.message + ")"
}

// diskFull reports a disk that has filled up on the way.
func (h *Hub) diskFull(r repo, err error) error {
	s, openErr := h.open(r)
	if openErr != nil {
		return aim.Failf(aim.ClassDisk, "the disk ran full while model %s was fetched: %v", r, err)
	}
	defer s.close()
	free, _ := h.free(s.root) // 0 is what a full disk has
	f := aim.Failf(aim.ClassDisk, "the disk of %s ran full while model %s was fetched: %v", h.cache, r, err).
		WithHint("free some space on the node, for example with: aim model remove MODEL; what has arrived is kept")
	f.AvailableBytes = free
	return f
}
