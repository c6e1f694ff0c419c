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
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/gateway"
	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/gateway/spool"
	"github.com/aim-engine/aim/internal/admin"
	"github.com/aim-engine/aim/internal/endpoints"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/machine"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/telemetry"
)

// Gateway is a gateway process: it hears from the nodes who answers where and
// from control who may ask, and serves clients.
type Gateway struct {
	cfg       settings.Gateway
	log       *slog.Logger
	telemetry *telemetry.Process
	nats      *inventory.Conn
	admin     *admin.Client // nil where there is none
	gateway   *gateway.Gateway
	spool     *spool.Spool // nil where there is none
	table     *endpoints.Table
	listener  net.Listener
	open      bool // loopback: no key is needed until there is one
}

// NewGateway connects a gateway. It refuses to listen on a network while nobody
// would have to show a key.
func NewGateway(ctx context.Context, nats settings.NATS, to settings.Admin, cfg settings.Gateway, log *slog.Logger) (*Gateway, error) {
	g := &Gateway{cfg: cfg, log: log, telemetry: telemetry.New(), table: endpoints.New(), open: onLoopback(cfg.Listen)}
	if err := g.connectAdmin(ctx, to); err != nil {
		return nil, err
	}
	var err error
	if g.nats, err = inventory.Connect(ctx, nats, "aim-gateway/"+cfg.Listen, log); err != nil {
		return nil, err
	}
	options := gateway.Options{
		MaxBody: int64(cfg.MaxBody), Hold: cfg.Hold, Log: log, Metrics: g.telemetry.Registry,
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
	if err := g.telemetry.Listen(g.cfg.Metrics); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.telemetry.Serve(ctx, g.log) })
	group.Go(func() error {
		host, _ := os.Hostname()
		nats, _ := url.Parse(g.nats.Server()) // it is connected there
		return announce(ctx, g.nats, g.telemetry, aim.Process{Kind: aim.GatewayProcess, ID: host + "/" + g.listener.Addr().String()}, machine.AddressTowards(nats.Host))
	})
	group.Go(func() error { return inventory.HearEndpoints(ctx, g.nats, g) })
	group.Go(func() error { g.gateway.FollowEndpoints(ctx, g.table); return nil })
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
		config, err := gateway.TLS(g.cfg.TLSCert, g.cfg.TLSKey)
		if err != nil {
			return err
		}
		l = tls.NewListener(l, config)
	}
	g.telemetry.SetReady()
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
		return srv.Close()
	}
	return nil
}

// Endpoints, Silent and Forget are inventory.EndpointListener.
func (g *Gateway) Endpoints(node string, epoch, seq uint64, list []aim.Endpoint) {
	g.table.Set(node, endpoints.Version{Epoch: epoch, Seq: seq}, list)
}

func (g *Gateway) Silent(node string, silent bool) { g.table.Silent(node, silent) }
func (g *Gateway) Forget(node string)              { g.table.Remove(node) }

// followAdmin hears control, where there is one to hear.
func (g *Gateway) followAdmin(ctx context.Context, heard func()) {
	if g.admin == nil {
		g.gateway.SetAccess(gateway.Access{Open: true})
		heard()
		return
	}
	g.gateway.FollowControl(ctx, g.admin, g.open, heard)
}
