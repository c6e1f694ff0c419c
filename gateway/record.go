package gateway

import (
	"time"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/gateway/scan"
	"github.com/aim-engine/aim/internal/store"
)

// Accounts keep what requests take: Begin before one is sent, End when it is over,
// with the number that Begin gave. See package spool.
type Accounts interface {
	Begin(u store.Usage) (number uint64)
	End(number uint64, u store.Usage)
}

type noAccounts struct{}

func (noAccounts) Begin(store.Usage) uint64 { return 0 }
func (noAccounts) End(uint64, store.Usage)  {}

// begin opens the account of a request; what it takes is the estimate until a
// server tells.
func (x *exchange) begin() {
	x.usage = store.Usage{At: x.began, Key: x.key.Name, Deployment: x.deployment, Model: clip(x.q.read.Model, 200), Prompt: x.q.promptTokens()}
	x.number = x.gateway.opts.Usage.Begin(x.usage)
	x.open = true
}

// end closes it. A request that no server has answered took nothing.
func (x *exchange) end() {
	if x.open {
		x.open = false
		x.usage.Deployment = x.deployment
		if !x.answered {
			x.usage.Prompt = 0
		}
		x.gateway.opts.Usage.End(x.number, x.usage)
	}
}

// note writes down what a server has answered.
func (x *exchange) note(lease *route.Lease, status int, u scan.Usage, interrupted bool) {
	x.answered = true
	x.usage.Prompt, x.usage.Cached, x.usage.Completion, x.usage.Interrupted = u.Prompt, u.Cached, u.Completion, interrupted
	x.gateway.metrics.answered(x.deployment, lease, status, x.usage, time.Since(x.began))
}
