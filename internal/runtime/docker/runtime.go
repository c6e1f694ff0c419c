package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/docker/docker/client"
)

// Name of this runtime, as it stands in inventories and servers.
const Name = "docker"

// defaultKeepLogs is how many logs of removed containers are kept: about a day
// of a deployment that fails every hour.
const defaultKeepLogs = 20

// Config of the runtime.
type Config struct {
	Host         string // address of the daemon; "" = the one that the docker command takes, see Find
	Dir          string // folder of the program that hands secrets over; "" = LogDir
	LogDir       string // folder for the logs of removed containers
	SecretDir    string // folder for secrets while their servers run; "" = below /run where that serves, else below Dir
	Self         string // this binary, which must be static; "" = the running program
	DevRoot      string // folder with kfd and dri/; "" = /dev
	User         string // uid:gid of servers of level strict; "" = 65532:65532
	KeepLogs     int    // logs of removed containers that are kept; 0 = 20
	DockerConfig string // file with registry credentials; "" = config.json of the docker command
}

// Runtime starts servers as containers.
type Runtime struct {
	cfg    Config
	daemon Address
	api    *client.Client
	about  atomic.Pointer[About] // what the daemon has said of itself, once it has answered
}

// New makes the runtime and its folders. It does not talk to the daemon: Check
// does. The address of a daemon that cannot serve this machine is a Failure of
// class runtime.
func New(cfg Config) (*Runtime, error) {
	if cfg.LogDir == "" {
		return nil, errors.New("docker runtime: no folder for logs is set")
	}
	daemon, err := FindDaemon(cfg.Host, os.Getenv)
	if err != nil {
		return nil, err
	}
	cfg.Dir = cmp.Or(cfg.Dir, cfg.LogDir)
	cfg.SecretDir = cmp.Or(cfg.SecretDir, secretDir(cfg.Dir))
	cfg.DevRoot = filepath.Clean(cmp.Or(cfg.DevRoot, "/dev"))
	cfg.KeepLogs = cmp.Or(cfg.KeepLogs, defaultKeepLogs)
	cfg.DockerConfig = cmp.Or(cfg.DockerConfig, dockerConfig())
	if cfg.Self == "" {
		if cfg.Self, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("docker runtime: find own program: %w", err)
		}
	}
	for _, dir := range []string{cfg.LogDir, cfg.Dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("docker runtime: make folder: %w", err)
		}
	}
	opts := []client.Opt{client.WithTLSClientConfigFromEnv(), client.WithVersionFromEnv(), client.WithHost(daemon.Host), client.WithAPIVersionNegotiation()}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("docker runtime: %w", err)
	}
	return &Runtime{cfg: cfg, daemon: daemon, api: api}, nil
}

// Close lets go of idle connections to the daemon.
func (r *Runtime) Close() error { return r.api.Close() }

// Name is "docker".
func (r *Runtime) Name() string { return Name }

// Check asks the daemon whether it answers, and the first time what it is. Its
// error is a Failure of class runtime.
func (r *Runtime) Check(ctx context.Context) error {
	if r.about.Load() == nil {
		_, err := r.About(ctx)
		return err
	}
	_, err := r.api.Ping(ctx)
	return r.unreached(err)
}

// unreached says which daemon was looked for, and why that one.
func (r *Runtime) unreached(err error) error {
	failed := failure(err, "reach the Docker daemon at %s", r.daemon)
	if fail := new(aim.Failure); errors.As(failed, &fail) && r.daemon.Other != "" {
		fail.Hint += "; " + r.daemon.Other
	}
	return failed
}

// Bind is where a server listens inside its container: everywhere, on the port
// that is then published on the node's address.
func (r *Runtime) Bind(address string, port int) (string, int) { return Listen(address, port) }

// Listen is Bind for whoever has no daemon.
func Listen(string, int) (host string, port int) { return "0.0.0.0", container.Port }

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
