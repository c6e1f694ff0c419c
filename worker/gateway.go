package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/gateway"
	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/gateway/spool"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/admin"
	"github.com/aim-engine/aim/internal/endpoints"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/settings"
)

// Gateway is a gateway process: it hears from the nodes who answers where and
// from control who may ask, and serves clients.
type Gateway struct {
	cfg      settings.Gateway
	log      *slog.Logger
	monitor  *monitor
	nats     *inventory.Conn
	admin    *admin.Client // nil where there is none
	gateway  *gateway.Gateway
	spool    *spool.Spool // nil where there is none
	table    *endpoints.Table
	listener net.Listener
	open     bool // loopback: no key is needed until there is one
}

// NewGateway connects a gateway. It refuses to listen on a network while nobody
// would have to show a key.
func NewGateway(ctx context.Context, nats settings.NATS, to settings.Admin, cfg settings.Gateway, log *slog.Logger) (*Gateway, error) {
	g := &Gateway{cfg: cfg, log: log, monitor: newMonitor(), table: endpoints.New(), open: onLoopback(cfg.Listen)}
	if err := g.connectAdmin(ctx, to); err != nil {
		return nil, err
	}
	var err error
	if g.nats, err = inventory.Connect(ctx, nats, "aim-gateway/"+cfg.Listen, log); err != nil {
		return nil, err
	}
	options := gateway.Options{
		MaxBody: int64(cfg.MaxBody), Hold: cfg.Hold, Log: log, Metrics: g.monitor.registry,
		Pool: route.Options{Waiting: cfg.Waiting, Outstanding: cfg.Outstanding},
	}
	if g.admin != nil {
		if g.spool, err = spool.Open(cfg.Dir, g.admin.AddUsage, log); err != nil {
			g.nats.Close()
			return nil, err
		}
		options.Usage, options.Budgets = g.spool, g.admin
	}
	g.gateway = gateway.New(options)
	if g.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		g.nats.Close()
		return nil, fmt.Errorf("listen for clients at %s: %w; set gateway.listen to another address", cfg.Listen, err)
	}
	return g, nil
}

// connectAdmin asks control for keys. Off loopback there must be one.
func (g *Gateway) connectAdmin(ctx context.Context, to settings.Admin) error {
	if to.URL == "" {
		if !g.open {
			return fmt.Errorf("gateway.listen is %s, which others can reach, and without admin.url nobody would need a key; set admin.url, or listen on 127.0.0.1", g.cfg.Listen)
		}
		return nil
	}
	token, err := settings.Secret(to.Token)
	if err != nil {
		return fmt.Errorf("the token of control's administration: %w; set admin.token", err)
	}
	g.admin = &admin.Client{URL: to.URL, Token: token}
	if g.open {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	keys, err := g.admin.Keys(ctx)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return fmt.Errorf("gateway.listen is %s, which others can reach, and there is no key yet; make one with `aim key create NAME`, or listen on 127.0.0.1", g.cfg.Listen)
	}
	return nil
}

func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Run serves until ctx ends; then it takes no new request, and open ones have
// drainWithin to end.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.nats.Close()
	if err := g.monitor.listen(g.cfg.Metrics); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.monitor.serve(ctx, g.log) })
	group.Go(func() error { return inventory.HearEndpoints(ctx, g.nats, g) })
	group.Go(func() error { g.followEndpoints(ctx); return nil })
	heard := make(chan struct{}) // what control says, or that it says nothing
	group.Go(func() error { g.followAdmin(ctx, sync.OnceFunc(func() { close(heard) })); return nil })
	spooled, endSpool := context.WithCancel(context.WithoutCancel(ctx))
	defer endSpool()
	var accounts errgroup.Group
	if g.spool != nil {
		accounts.Go(func() error { return g.spool.Run(spooled) })
	}
	group.Go(func() error { return g.serve(ctx, heard) })
	err := group.Wait()
	endSpool() // after the last request
	return errors.Join(err, accounts.Wait())
}

const (
	drainWithin = 25 * time.Second
	// firstWord is how long control's first word is waited for: a gateway that
	// starts while control is away serves what it hears of.
	firstWord = 2 * time.Second
)

// serve answers clients.
func (g *Gateway) serve(ctx context.Context, heard <-chan struct{}) error {
	select {
	case <-heard:
	case <-time.After(firstWord):
	case <-ctx.Done():
		return nil
	}
	srv := &http.Server{
		Handler: g.gateway, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	l := g.listener
	if g.cfg.TLSCert != "" {
		certificate := &reloadedCertificate{cert: g.cfg.TLSCert, key: g.cfg.TLSKey}
		if _, err := certificate.get(nil); err != nil {
			return fmt.Errorf("the gateway's certificate: %w; see gateway.tls_cert and gateway.tls_key", err)
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: certificate.get})
	}
	close(g.monitor.ready)
	g.log.Info("gateway is ready", "listen", l.Addr().String())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve clients: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		g.log.Warn("requests were cut off by the end of the gateway", "error", err)
		return ignoreTimeout(errors.Join(srv.Close(), err))
	}
	return nil
}

// reloadedCertificate is read again when its file has changed.
type reloadedCertificate struct {
	cert, key string

	mu    sync.Mutex
	at    time.Time
	value *tls.Certificate
}

func (c *reloadedCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, err := os.Stat(filepath.Clean(c.cert))
	if err != nil && c.value == nil {
		return nil, err
	}
	if err == nil && !st.ModTime().Equal(c.at) {
		fresh, err := tls.LoadX509KeyPair(c.cert, c.key)
		switch {
		case err == nil:
			c.value, c.at = &fresh, st.ModTime()
		case c.value == nil:
			return nil, err
		}
	}
	return c.value, nil
}

// Endpoints, Silent and Forget are inventory.EndpointListener.
func (g *Gateway) Endpoints(node string, epoch, seq uint64, list []aim.Endpoint) {
	g.table.Set(node, endpoints.Version{Epoch: epoch, Seq: seq}, list)
}

func (g *Gateway) Silent(node string, silent bool) { g.table.Silent(node, silent) }
func (g *Gateway) Forget(node string)              { g.table.Remove(node) }

// followEndpoints gives the gateway the replicas as they change.
func (g *Gateway) followEndpoints(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.table.Changed():
		}
		g.gateway.SetTargets(targetsOf(g.table.All()))
	}
}

func targetsOf(all []endpoints.Endpoint) map[string][]route.Target {
	targets := map[string][]route.Target{}
	for _, e := range all {
		if e.Rank > 0 {
			continue // the first rank answers
		}
		targets[e.Deployment] = append(targets[e.Deployment], route.Target{
			ID: e.Server() + "/" + e.Token, Replica: e.ReplicaName(), URL: e.URL, Serves: e.Model,
			Healthy: e.Healthy, Reason: e.Reason, Doubtful: e.Silent,
		})
	}
	return targets
}

// followAdmin gives the gateway keys, aliases and deployments as they change.
func (g *Gateway) followAdmin(ctx context.Context, heard func()) {
	if g.admin == nil {
		g.gateway.SetAccess(gateway.Access{Open: true})
		heard()
		return
	}
	g.gateway.SetAccess(gateway.Access{Open: false, Until: time.Now()}) // nobody, until control has been heard
	var last access.Snapshot
	failing := false
	for ctx.Err() == nil {
		s, err := g.admin.Snapshot(ctx, last.Version)
		if (err != nil) != failing && ctx.Err() == nil {
			failing = err != nil
			g.log.Warn("keys and deployments from control", "error", err)
		}
		if err != nil {
			last.Version = 0 // another control may number otherwise
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
			continue
		}
		last = s
		g.gateway.SetAccess(gateway.Access{Open: g.open && len(s.Keys) == 0, Keys: s.Keys, Aliases: s.Aliases, Until: time.Now().Add(gateway.KeyLease)})
		g.gateway.SetDeployments(s.Deployments)
		heard()
	}
}
