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

	"github.com/docker/docker/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/settings"
)

// Name of this runtime, as it stands in inventories and servers.
const Name = "docker"

// defaultKeepLogs is how many logs of removed containers are kept: about a day
// of a deployment that fails every hour.
const defaultKeepLogs = 20

// Options are what no setting says; the zero value is what a node agent takes.
type Options struct {
	SecretDir    string // folder for secrets while their servers run; "" = below /run where that serves, else below the node's
	Self         string // this binary, which must be static; "" = the running program
	KeepLogs     int    // logs of removed containers that are kept; 0 = 20
	DockerConfig string // file with registry credentials; "" = config.json of the docker command
}

// Runtime starts servers as containers.
type Runtime struct {
	opts   Options
	dir    string // of the program that hands secrets over
	logs   string // of the logs of removed containers
	dev    string // with kfd and dri/
	daemon Address
	api    *client.Client
	about  atomic.Pointer[About] // what the daemon has said of itself, once it has answered
}

// New makes the runtime and its folders, docker and logs below cfg.Dir. It does not
// talk to the daemon of cfg.DockerHost: Check does. The address of a daemon that
// cannot serve this machine is a Failure of class runtime.
func New(cfg settings.Node, o Options) (*Runtime, error) {
	if cfg.Dir == "" {
		return nil, errors.New("docker runtime: the node has no folder; set node.dir")
	}
	daemon, err := FindDaemon(cfg.DockerHost, os.Getenv)
	if err != nil {
		return nil, err
	}
	r := &Runtime{
		opts: o, daemon: daemon,
		dir: filepath.Join(cfg.Dir, "docker"), logs: filepath.Join(cfg.Dir, "logs"), dev: filepath.Clean(cmp.Or(cfg.Dev, "/dev")),
	}
	r.opts.SecretDir = cmp.Or(o.SecretDir, secretDir(r.dir))
	r.opts.KeepLogs = cmp.Or(o.KeepLogs, defaultKeepLogs)
	r.opts.DockerConfig = cmp.Or(o.DockerConfig, dockerConfig())
	if o.Self == "" {
		if r.opts.Self, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("docker runtime: find own program: %w", err)
		}
	}
	for _, dir := range []string{r.logs, r.dir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("docker runtime: make folder: %w", err)
		}
	}
	opts := []client.Opt{client.WithTLSClientConfigFromEnv(), client.WithVersionFromEnv(), client.WithHost(daemon.Host), client.WithAPIVersionNegotiation()}
	if r.api, err = client.NewClientWithOpts(opts...); err != nil {
		return nil, fmt.Errorf("docker runtime: %w", err)
	}
	return r, nil
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
