package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/limit"
	"github.com/aim-engine/aim/internal/store"
)

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/models" || strings.HasPrefix(r.URL.Path, "/v1/models/") {
		g.serveModels(w, r)
		return
	}
	i, refused := find(r)
	if refused != nil {
		refused.write(w)
		return
	}
	began := time.Now()
	key, refused := g.access.Load().identify(r, began)
	if refused != nil {
		g.metrics.refused(refused.status)
		refused.write(w)
		return
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer giveBack(buffer)
	x := &exchange{gateway: g, w: w, r: r, key: key, began: began, id: requestID(r)}
	if refused := x.run(i, buffer); refused != nil {
		g.metrics.refused(refused.status)
		w.Header().Set("X-Request-Id", x.id)
		refused.write(w)
	}
}

// exchange is one request on its way.
type exchange struct {
	gateway    *Gateway
	w          http.ResponseWriter
	r          *http.Request
	key        *access.Key
	began      time.Time
	id         string
	q          question
	names      *names
	deployment string // that answers, or was to
	hold       *limit.Hold
	failed     bool // a server has answered it with 5xx

	usage    store.Usage
	number   uint64 // of the account
	open     bool   // the account
	answered bool   // by a server
}

// run does everything up to the answer; the error is one that was not written yet.
func (x *exchange) run(i iface, buffer *bytes.Buffer) *apiError {
	g := x.gateway
	unbind := boundBody(x.w, x.r, g.opts.MaxBody)
	refused := readBody(x.w, x.r, g.opts.MaxBody, buffer)
	if unbind(); refused != nil {
		return refused
	}
	if x.q, refused = understand(i, x.r.Header.Get("Content-Type"), buffer.Bytes()); refused != nil {
		return refused
	}
	x.names = g.names.Load()
	asked := x.q.read.Model
	deployments, refused := x.names.resolve(asked, g.chance())
	if refused != nil {
		return refused
	}
	if !x.key.May(asked) {
		return &apiError{status: http.StatusForbidden, kind: "permission_error", code: "model_not_allowed", param: "model",
			message: fmt.Sprintf("this API key may not use the model %q; GET /v1/models lists what it may", asked)}
	}
	if refused := x.fits(deployments); refused != nil {
		return refused
	}
	if x.hold, refused = g.budgets.reserve(x.r.Context(), x.key, x.q); refused != nil {
		return refused
	}
	defer x.settle() // also when a broken stream panics
	rateHeaders(x.w.Header(), x.hold)
	return x.answer(deployments)
}

// settle closes the accounts of a request, whatever became of it.
func (x *exchange) settle() {
	x.end()
	if x.answered {
		x.hold.Settle(x.usage.Prompt, x.usage.Completion)
	} else {
		x.hold.Settle(0, 0)
	}
}

// fits refuses what is known to be in vain: an interface that the model has not,
// or a prompt that is surely longer than its context.
func (x *exchange) fits(deployments []string) *apiError {
	for _, name := range deployments {
		d := x.names.deployments[name]
		if d.Phase == "" {
			continue // known by its replicas alone: control has not told its task yet
		}
		if !x.q.iface.serves(d.Task) {
			return notFound(fmt.Sprintf("the model %q is for the task %s and does not answer %s", x.q.read.Model, cmp.Or(d.Task, "generate"), x.r.URL.Path))
		}
		// No tokenizer makes one token of more than some 16 bytes on average.
		const most = 16
		at := x.q.read.Prompt
		if least := (at.To - at.From) / most; d.Context > 0 && least > d.Context && x.q.iface.kind != plain {
			return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", code: "context_length_exceeded", param: "messages",
				message: fmt.Sprintf("the model's context is %d tokens, and a prompt of %d bytes has more", d.Context, at.To-at.From)}
		}
	}
	return nil
}

// answer tries the deployments in turn: the next one only where one has no replica
// that could take the request now, and the last one with all patience.
func (x *exchange) answer(deployments []string) *apiError {
	g := x.gateway
	until := x.began.Add(g.opts.Hold)
	ask := route.Ask{Tokens: x.q.promptTokens(), Prefix: route.PrefixOf(x.q.read.Prompt.Of(x.q.body)), Priority: x.key.Priority}
	for tries := 1; ; tries++ {
		lease, refused := x.acquire(until, deployments, ask)
		if refused != nil {
			return refused
		}
		result := x.try(lease)
		lease.Done(result.outcome, result.retryAfter)
		switch {
		case result.written:
			return nil
		case tries == g.opts.Tries || x.r.Context().Err() != nil || !time.Now().Before(until):
			return result.refusal(tries)
		}
		g.metrics.retried(x.deployment, result.outcome)
		ask.Avoid = append(ask.Avoid, lease.ID)
	}
}

// acquire gets a replica of the first deployment that has one free, else waits for
// one of the first that is not without any.
func (x *exchange) acquire(until time.Time, deployments []string, ask route.Ask) (*route.Lease, *apiError) {
	g := x.gateway
	for _, name := range deployments {
		if lease := g.poolOf(name).Try(ask); lease != nil {
			x.deployment = name
			return lease, nil
		}
	}
	x.deployment = deployments[0]
	for _, name := range deployments {
		if g.poolOf(name).Load().Replicas > 0 {
			x.deployment = name
			break
		}
	}
	ctx, cancel := context.WithDeadline(x.r.Context(), until)
	defer cancel()
	lease, err := g.poolOf(x.deployment).Acquire(ctx, ask)
	if err == nil {
		return lease, nil
	}
	if x.r.Context().Err() != nil {
		return nil, clientLeft()
	}
	var r *route.Refusal
	if !errors.As(err, &r) {
		return nil, unavailable(time.Second, "%v", err)
	}
	return nil, x.refusal(r)
}

// clientLeft is written to nobody; the status is nginx's for it.
func clientLeft() *apiError {
	return &apiError{status: 499, kind: "server_error", message: "the client has left"}
}

// refusal says why a request was not taken: what its pool says, and what the
// deployment does meanwhile.
func (x *exchange) refusal(r *route.Refusal) *apiError {
	d := x.names.deployments[x.deployment]
	why := fmt.Sprintf("%s: %s", x.deployment, r.Why)
	if r.NoReplica && d.Phase != "" {
		why += fmt.Sprintf("; the deployment is %s", d.Phase)
		if d.Reason != "" {
			why += " (" + clip(d.Reason, 300) + ")"
		}
	}
	if r.Full {
		return &apiError{status: http.StatusTooManyRequests, kind: "rate_limit_error", code: "overloaded", message: why, retry: 2 * time.Second}
	}
	return unavailable(5*time.Second, "%s", why)
}
