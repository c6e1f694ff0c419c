package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	nats "github.com/nats-io/nats-server/v2/server"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/admin"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/limit"
	"github.com/aim-engine/aim/internal/settings"
)

// rig is all that a gateway needs: NATS, on which a node tells of its
// servers, and control's administration with a store of keys.
type rig struct {
	b         *bench
	nats      *nats.Server
	conn      *inventory.Conn
	node      *inventory.Publisher
	client    *admin.Client
	end       context.CancelFunc
	group     sync.WaitGroup
	gateways  []*child
	endpoints []aim.Endpoint
}

func newRig(ctx context.Context, b *bench) (*rig, error) {
	r := &rig{b: b}
	ctx, r.end = context.WithCancel(ctx)
	var err error
	if r.nats, err = nats.NewServer(&nats.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true}); err != nil {
		return nil, err
	}
	r.nats.Start()
	if r.conn, err = inventory.Connect(ctx, settings.NATS{URL: r.nats.ClientURL()}, "aim-bench", nil); err != nil {
		return nil, errors.Join(err, r.close())
	}
	if r.node, err = inventory.NewPublisher(r.conn, "n1", 1, inventory.PublisherOptions{}); err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.group.Go(func() { _ = r.node.Run(ctx) })
	address, err := freeAddress()
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	token := filepath.Join(b.dir, "admin.token")
	a, err := admin.Open(ctx, settings.Control{Store: "sqlite:" + filepath.Join(b.dir, "store.db"), Admin: address, Token: token}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.group.Go(func() { _ = a.Run(ctx) })
	a.Server.SetDeployments([]access.Deployment{{Name: "m", Serves: "m", Model: "m", Phase: aim.Ready, Replicas: 1}})
	secret, err := os.ReadFile(token)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.client = &admin.Client{URL: "http://" + address, Token: string(secret[:len(secret)-1])}
	return r, nil
}

func (r *rig) close() error {
	for _, g := range r.gateways {
		g.stop()
	}
	r.end()
	r.group.Wait()
	if r.conn != nil {
		r.conn.Close()
	}
	r.nats.Shutdown()
	return nil
}

// serve tells the gateways that servers answer at these addresses.
func (r *rig) serve(addresses ...string) error {
	r.endpoints = nil
	for i, a := range addresses {
		r.endpoints = append(r.endpoints, aim.Endpoint{
			Identity: aim.Identity{Deployment: "m", UID: "u", Ordinal: i, Attempt: 1, Token: a}, URL: "http://" + a, Model: "m", Backend: "vllm",
			Task: "generate", Healthy: true,
		})
	}
	return r.node.Publish(aim.Node{Address: "127.0.0.1", Host: "bench", Endpoints: r.endpoints})
}

// keys makes n keys with limits that nobody reaches here.
func (r *rig) keys(ctx context.Context, n int, limits limit.Limits) ([]string, error) {
	var secrets []string
	for i := range n {
		made, err := r.client.CreateKey(ctx, access.Key{Name: fmt.Sprintf("key-%d", i), Limits: limits})
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, made.Secret)
	}
	return secrets, nil
}

var ample = limit.Limits{RPM: 100_000, TPM: 100_000_000, Concurrency: 10_000, DailyTokens: 100_000_000_000}

// gateway starts one, with an account folder of its own, and waits until it answers.
func (r *rig) gateway(ctx context.Context, key string) (*child, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("gateway-%d", len(r.gateways))
	bin, err := filepath.Abs(filepath.Join(r.b.bin, "aim"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(bin, "gateway", "run", "--listen", listen, "--metrics", "127.0.0.1:0", "--admin-url", r.client.URL)
	cmd.Env = append(config.Environ(os.Environ()), "GOMAXPROCS=1", "AIM_DIR="+r.b.dir, "AIM_NATS_URL="+r.nats.ClientURL(),
		"AIM_GATEWAY_DIR="+filepath.Join(r.b.dir, name))
	g, err := start(r.b, name, cmd, proxyCore)
	if err != nil {
		return nil, err
	}
	g.url = listen
	r.gateways = append(r.gateways, g)
	err = eventually(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+"/v1/models/m", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET /v1/models/m: %s", resp.Status)
		}
		return nil
	})
	if err == nil {
		err = eventually(ctx, func() error { // it knows the servers too
			c, err := dial(listen)
			if err != nil {
				return err
			}
			defer c.Close()
			return c.ask(newQuestion(listen, key, false, 100).bytes())
		})
	}
	if err != nil {
		return nil, g.failed(err)
	}
	return g, nil
}

func accessKey(name string, limits limit.Limits) access.Key {
	return access.Key{Name: name, Limits: limits}
}
