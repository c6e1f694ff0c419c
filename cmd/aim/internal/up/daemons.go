package up

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/supervise"
	"github.com/aim-engine/aim/internal/config"
)

// startControl starts the one control process of this stack, with a store of its
// own unless another is set.
func (s *stack) startControl(ctx context.Context) error {
	admin := s.app.Settings.Control.Admin
	if !s.app.Settings.Given("control.admin") {
		var err error
		if admin, err = s.keptAddress(ctx, 3, "admin_url", s.state.AdminURL); err != nil {
			return err
		}
	}
	s.state.AdminURL = "http://" + admin
	args := []string{"control", "run", "--admin", admin}
	if s.app.Settings.Control.Store == "" {
		args = append(args, "--store", "sqlite:"+filepath.Join(s.app.Settings.Dir, "store.db"))
	}
	return s.startDaemon(ctx, "control", s.app.Settings.Control.Metrics, nil, args...)
}

// startGateway starts the one address for all models.
func (s *stack) startGateway(ctx context.Context) error {
	listen := s.app.Settings.Gateway.Listen
	if !s.app.Settings.Given("gateway.listen") {
		var err error
		if listen, err = s.keptAddress(ctx, 4, "gateway_url", s.state.GatewayURL); err != nil {
			return err
		}
	}
	s.state.GatewayURL = "http://" + listen
	if s.app.Settings.Gateway.TLSCert != "" {
		s.state.GatewayURL = "https://" + listen
	}
	return s.startDaemon(ctx, "gateway", s.app.Settings.Gateway.Metrics, nil, "gateway", "run", "--listen", listen, "--admin-url", s.state.AdminURL)
}

// keptAddress is where part i listened the last time, else where it would like to
// where that is free. Clients know it, so another is not taken silently.
func (s *stack) keptAddress(ctx context.Context, i int, name, kept string) (string, error) {
	if kept == "" {
		return "127.0.0.1:" + firstFree(s.firstPort(i)), nil
	}
	u, err := url.Parse(kept)
	if err != nil {
		return "", fmt.Errorf("%s in up.json: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, portWithin)
	defer cancel()
	if !awaitPort(ctx, u.Host) {
		return "", cli.Next(cli.Failed("%s, where it was the last time (%s in %s), is taken; stop what listens there, or delete that line to take another port",
			u.Host, name, filepath.Join(s.app.Settings.Dir, "up.json")), "aim up")
	}
	return u.Host, nil
}

// startOwnNode starts the agent of this machine.
func (s *stack) startOwnNode(ctx context.Context) error {
	return s.startDaemon(ctx, nodeName(s.app.Settings.Node.ID), s.app.Settings.Node.Metrics, nil, "node", "run")
}

// startSimulated starts the stand-in of the model hub and the simulated nodes,
// all at once.
func (s *stack) startSimulated(ctx context.Context) error {
	hub, err := s.startHub(ctx)
	if err != nil {
		return err
	}
	// The user's own node settings are not for them, but for those in writeConfig.
	env := config.Environ(os.Environ())
	for _, n := range s.nodes {
		if err := n.writeConfig(s.self, hub); err != nil {
			return err
		}
		err := s.startDaemon(ctx, nodeName(n.id), "", env, "node", "run", "--config", n.configFile())
		if err != nil {
			return err
		}
	}
	return nil
}

// startDaemon starts one of our own daemons and waits for its /readyz. metrics
// is where it should listen, if that is free.
func (s *stack) startDaemon(ctx context.Context, name, metrics string, env []string, args ...string) error {
	var address string
	return s.launch(ctx, partWithin, supervise.Process{
		Name: name, Grace: 30 * time.Second, // activities at hand are handed back first
		Command: func() (supervise.Command, error) {
			var err error
			if address, err = freeAddress(metrics); err != nil {
				return supervise.Command{}, err
			}
			all := append([]string{s.self}, args...)
			if s.config != "" && !slices.Contains(args, "--config") {
				all = append(all, "--config", s.config)
			}
			all = append(all, "--dir", s.app.Settings.Dir, "--temporal-address", s.state.TemporalAddress,
				"--temporal-namespace", s.state.Namespace, "--nats-url", s.state.NATSURL, "--metrics", address)
			return supervise.Command{Args: all, Env: env}, nil
		},
		Ready: func(ctx context.Context, _ int) error { return get(ctx, "http://"+address+"/readyz") },
	})
}

// startHub starts the stand-in of the model hub and returns its URL.
func (s *stack) startHub(ctx context.Context) (string, error) {
	address, err := freeAddress("")
	if err != nil {
		return "", err
	}
	err = s.launch(ctx, partWithin, supervise.Process{
		Name: "hub",
		Command: func() (supervise.Command, error) {
			return supervise.Command{Args: []string{s.self, "simulate", "hub", "--addr", address, "--dir", s.app.Settings.Dir}}, nil
		},
		Ready: func(ctx context.Context, _ int) error {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
	return "http://" + address, err
}

// freeAddress is the preferred address where it is free, else a free one of
// loopback. Somebody may take it before it is used; then the part that failed
// to listen is started again, at another.
func freeAddress(preferred string) (string, error) {
	if preferred != "" && !strings.HasSuffix(preferred, ":0") && portFree(preferred) {
		return preferred, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// get asks for a page that should be there.
func get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// Without the proxy of the environment: this is loopback.
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
