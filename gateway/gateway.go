package gateway

import (
	"cmp"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/limit"
)

// Options of a gateway; zero values are defaults.
type Options struct {
	MaxBody int64         // bytes of a request; 32 MiB
	Hold    time.Duration // that a request waits for a replica; 30 s
	Tries   int           // of one request before its first byte; 4
	Pool    route.Options // of each deployment
	Metrics prometheus.Registerer
	Log     *slog.Logger
	// Transport reaches the servers; NewTransport by default.
	Transport http.RoundTripper
	// Budgets are shared with other gateways; without it this one is alone.
	Budgets limit.Source
	// Usage is told of every request that is sent to a server; nil = nobody is.
	Usage Accounts
}

// Gateway answers OpenAI's API for all deployments. It is an http.Handler.
type Gateway struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	budgets *budgets
	chance  func() float64

	names  atomic.Pointer[names]
	access atomic.Pointer[Access]

	mu          sync.Mutex
	pools       map[string]*route.Pool // by deployment
	deployments []access.Deployment
}

// New makes a gateway that knows nobody. Without SetAccess it asks for no key.
func New(opts Options) *Gateway {
	opts.MaxBody = cmp.Or(opts.MaxBody, 32<<20)
	opts.Hold = cmp.Or(opts.Hold, 30*time.Second)
	opts.Tries = cmp.Or(opts.Tries, 4)
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Transport == nil {
		opts.Transport = NewTransport()
	}
	if opts.Usage == nil {
		opts.Usage = noAccounts{}
	}
	g := &Gateway{opts: opts, log: opts.Log, chance: rand.Float64, pools: map[string]*route.Pool{}}
	g.metrics = newMetrics(opts.Metrics, g)
	g.budgets = newBudgets(opts.Budgets, time.Now)
	g.access.Store(&Access{Open: true})
	g.names.Store(newNames(nil, nil))
	return g
}

// SetDeployments replaces what is known of deployments.
func (g *Gateway) SetDeployments(all []access.Deployment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deployments = all
	g.rename()
}

// SetAccess replaces the keys and aliases.
func (g *Gateway) SetAccess(a Access) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.access.Store(a.indexed())
	g.rename()
}

// SetTargets replaces the replicas, by deployment. A deployment that is not
// among them has none.
func (g *Gateway) SetTargets(targets map[string][]route.Target) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, pool := range g.pools {
		if len(targets[name]) == 0 {
			pool.Set(nil)
		}
	}
	for name, list := range targets {
		g.pool(name).Set(list)
	}
	g.rename()
}

// pool is the deployment's, made when it is first needed. The lock is held.
func (g *Gateway) pool(deployment string) *route.Pool {
	p := g.pools[deployment]
	if p == nil {
		p = route.NewPool(g.opts.Pool)
		g.pools[deployment] = p
	}
	return p
}

func (g *Gateway) poolOf(deployment string) *route.Pool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pool(deployment)
}

// rename builds the names anew. A deployment that only its replicas tell of is
// known by them: control may be away while servers serve.
func (g *Gateway) rename() {
	all := append([]access.Deployment(nil), g.deployments...)
	known := map[string]bool{}
	for _, d := range all {
		known[d.Name] = true
	}
	for name, pool := range g.pools {
		if serves := pool.Serves(); !known[name] && serves != "" {
			all = append(all, access.Deployment{Name: name, Serves: serves, Model: serves})
		}
	}
	for name, pool := range g.pools { // ended, and nobody holds on to it
		if l := pool.Load(); !known[name] && pool.Serves() == "" && l.Outstanding+l.Waiting == 0 {
			delete(g.pools, name)
			g.metrics.forget(name)
		}
	}
	g.names.Store(newNames(all, g.access.Load().Aliases))
}

// Loads tells the load of every deployment, for metrics and for control.
func (g *Gateway) Loads() map[string]route.Load {
	g.mu.Lock()
	defer g.mu.Unlock()
	loads := make(map[string]route.Load, len(g.pools))
	for name, pool := range g.pools {
		loads[name] = pool.Load()
	}
	return loads
}
