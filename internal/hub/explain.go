package hub

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

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
	if g, ok := errors.AsType[*shutGate](err); ok {
		return h.tooMany(r, g.left, err)
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

// refused explains an answer of the hub. Only the hub's own code says that a
// model is gated or absent: whatever else stands on the way (a filtering proxy, a
// mirror that drops headers) answers with the same statuses and knows nothing of
// models, and is told as it is.
func (h *Hub) refused(r repo, a *answer, err error) *aim.Failure {
	page := h.endpoint.JoinPath(r.id).String()
	switch {
	case a.limited():
		return h.tooMany(r, a.told, err)
	case a.passing():
		return aim.Failf(aim.ClassWeights, "cannot fetch model %s: %v", r, err).
			WithHint("what has arrived is kept; try again when the hub is well")
	case a.code == "RevisionNotFound":
		return aim.Failf(aim.ClassMissing, "model %s has no revision %q", r.id, r.revision).
			WithHint("its branches and tags are at %s/tree/main", page)
	case a.code == "RepoNotFound":
		return aim.Failf(aim.ClassMissing, "model %s does not exist on %s, or is private", r, h.endpoint.Host).
			WithHint("check the spelling; for a private model give the node a token that may read it (HF_TOKEN)")
	case a.code == "GatedRepo" && !a.hadToken:
		return aim.Failf(aim.ClassAuth, "model %s is gated, and this node has no Hugging Face token", r).
			WithHint("accept its licence at %s, then give the node a token (HF_TOKEN)", page)
	case a.code == "GatedRepo":
		return aim.Failf(aim.ClassAuth, "the account of this node's token may not read model %s: its licence is not accepted%s", r, said(a)).
			WithHint("accept the licence at %s with that account; a fine-grained token also needs read access to gated repositories", page)
	case a.status == http.StatusUnauthorized && a.hadToken && badToken(a.message):
		return aim.Failf(aim.ClassAuth, "the hub does not accept the Hugging Face token of this node (asked for model %s)", r).
			WithHint("make a new token at %s and give it to the node (HF_TOKEN)", h.endpoint.JoinPath("settings", "tokens"))
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusUnavailableForLegalReasons,
		a.status == http.StatusProxyAuthRequired:
		return aim.Failf(aim.ClassWeights, "cannot fetch model %s: %s", r, a.unexplained()).
			WithHint("a proxy or filter may stand between this node and the hub, or a mirror may not have the model; open %s for this node, or name another mirror with HF_ENDPOINT", a.host)
	case a.status == http.StatusNotFound:
		return aim.Failf(aim.ClassMissing, "cannot fetch model %s: %s", r, a.unexplained()).
			WithHint("check the spelling, and that %s is a Hugging Face hub or a mirror of one", h.endpoint)
	}
	return aim.Failf(aim.ClassWeights, "cannot fetch model %s: %v", r, err).
		WithHint("check that %s is a Hugging Face hub or a mirror of one", h.endpoint)
}

// tooMany is the failure of who could not wait as long as the hub asks. Nothing
// is wrong with the model, the node or the weights that are here.
func (h *Hub) tooMany(r repo, told time.Duration, err error) *aim.Failure {
	f := aim.Failf(aim.ClassWeights, "%s limits how much this site may ask, and model %s has to wait: %v", h.endpoint.Host, r, err).
		WithHint("wait; the limit is that of the site's address, so that another node behind it is no remedy; an account's token (HF_TOKEN) has a larger one, a mirror (HF_ENDPOINT) none")
	f.RetryAfterSeconds = int(max(told, time.Second).Seconds())
	return f
}

// badToken recognises what hubs say, without a code, to credentials that they do
// not take.
func badToken(message string) bool {
	message = strings.ToLower(message)
	for _, words := range []string{"credential", "token", "username or password"} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return false
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
