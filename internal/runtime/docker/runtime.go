package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/docker/docker/client"
)

// Name of this runtime, as it stands in inventories and servers.
const Name = "docker"

// defaultKeepLogs is how many logs of removed containers are kept: about a day
// of a deployment that fails every hour.
const defaultKeepLogs = 20

// Config of the runtime.
type Config struct {
	Host         string // address of the daemon; "" = DOCKER_HOST, or the local socket
	LogDir       string // folder for the logs of removed containers
	DevRoot      string // folder with kfd and dri/; "" = /dev
	User         string // uid:gid of servers of level strict; "" = 65532:65532
	KeepLogs     int    // logs of removed containers that are kept; 0 = 20
	DockerConfig string // file with registry credentials; "" = config.json of the docker command
}

// Runtime starts servers as containers.
type Runtime struct {
	cfg Config
	api *client.Client
}

// New makes the runtime and its log folder. It does not talk to the daemon:
// Check does.
func New(cfg Config) (*Runtime, error) {
	if cfg.LogDir == "" {
		return nil, errors.New("docker runtime: no folder for logs is set")
	}
	cfg.DevRoot = filepath.Clean(cmp.Or(cfg.DevRoot, "/dev"))
	cfg.User = cmp.Or(cfg.User, strictUser)
	cfg.KeepLogs = cmp.Or(cfg.KeepLogs, defaultKeepLogs)
	cfg.DockerConfig = cmp.Or(cfg.DockerConfig, dockerConfig())
	if err := os.MkdirAll(cfg.LogDir, 0o700); err != nil {
		return nil, fmt.Errorf("docker runtime: make folder for logs: %w", err)
	}
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if cfg.Host != "" {
		opts = append(opts, client.WithHost(cfg.Host))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("docker runtime: %w", err)
	}
	return &Runtime{cfg: cfg, api: api}, nil
}

// Close lets go of idle connections to the daemon.
func (r *Runtime) Close() error { return r.api.Close() }

// Name is "docker".
func (r *Runtime) Name() string { return Name }

// Check asks the daemon whether it answers. Its error is a Failure of class
// runtime.
func (r *Runtime) Check(ctx context.Context) error {
	_, err := r.api.Ping(ctx)
	return failure(err, "reach the Docker daemon")
}

// Bind is where a server listens inside its container: everywhere, on the port
// that is then published on the node's address.
func (r *Runtime) Bind(address string, port int) (string, int) { return Listen(address, port) }

// failure turns an error of the daemon into a Failure of class runtime that says
// what was attempted. Ends of a context and Failures stay what they are.
func failure(err error, attempt string, args ...any) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var already *aim.Failure
	if errors.As(err, &already) {
		return err
	}
	fail := aim.Failf(aim.ClassRuntime, "%s: %v", fmt.Sprintf(attempt, args...), err)
	switch {
	case !client.IsErrConnectionFailed(err):
		return fail
	case strings.Contains(err.Error(), "permission denied"):
		return fail.WithHint("let this user use Docker (group docker), or use --runtime process")
	}
	return fail.WithHint("start dockerd, or use --runtime process")
}
