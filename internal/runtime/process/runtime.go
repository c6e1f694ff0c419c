package process

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

// Name of this runtime, as it stands in inventories and servers.
const Name = "process"

// defaultKeepLogs is how many logs of removed servers are kept: about a day of
// a deployment that fails every hour.
const defaultKeepLogs = 20

// Options are what no setting says; the zero value is what a node agent takes.
type Options struct {
	Self     string            // this binary, which is started again as the shim; "" = the running program
	Env      map[string]string // environment of every server, below Launch.Env
	KeepLogs int               // logs of removed servers that are kept; 0 = 20
}

// DefaultCommands is the program of each backend, found on PATH.
func DefaultCommands() map[string][]string {
	return map[string][]string{
		"vllm":   {"vllm", "serve"},
		"sglang": {"python3", "-m", "sglang.launch_server"},
		"tgi":    {"text-generation-launcher"},
	}
}

// Runtime starts servers as processes.
type Runtime struct {
	opts     Options
	dir      string              // with one folder a server
	commands map[string][]string // backend -> program that Launch.Args are appended to
	inherit  []string            // names of the agent's own environment that servers get
	dev      string              // with kfd and dri/
	account  *account            // of servers; nil = the agent's own
}

// New makes the runtime and its folder, servers below cfg.Dir. The programs of
// backends are those of cfg.Commands, or DefaultCommands.
func New(cfg settings.Node, o Options) (*Runtime, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if cfg.Dir == "" || err != nil {
		return nil, fmt.Errorf("process runtime: folder %q for servers is not usable: set one", cfg.Dir)
	}
	r := &Runtime{opts: o, dir: filepath.Join(dir, "servers"), commands: cfg.Commands, inherit: cfg.EnvInherit, dev: cmp.Or(cfg.Dev, "/dev")}
	if o.Self == "" {
		if r.opts.Self, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("process runtime: find own program: %w", err)
		}
	}
	if r.commands == nil {
		r.commands = DefaultCommands()
	}
	r.opts.KeepLogs = cmp.Or(o.KeepLogs, defaultKeepLogs)
	if r.account, err = accountOf(cfg.ServerUser); err != nil {
		return nil, fmt.Errorf("process runtime: %w", err)
	}
	// 0700: launch.json and logs are nobody else's business.
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, fmt.Errorf("process runtime: make folder for servers: %w", err)
	}
	return r, nil
}

// Name is "process".
func (r *Runtime) Name() string { return Name }

// Check tells whether the program of at least one backend is here. Its error is
// a Failure of class runtime.
func (r *Runtime) Check(context.Context) error {
	var tried []string
	for _, argv := range r.commands {
		if len(argv) == 0 {
			continue
		}
		if _, err := exec.LookPath(argv[0]); err == nil {
			return nil
		}
		tried = append(tried, argv[0])
	}
	slices.Sort(tried)
	return aim.Failf(aim.ClassRuntime, "no backend is installed on this node: no %s on PATH", strings.Join(tried, ", ")).
		WithHint("install one, or use --runtime docker")
}

// Bind is the address and port as given: a process listens where the node does.
func (r *Runtime) Bind(address string, port int) (string, int) { return address, port }

// HasImage is always true: programs are installed, not pulled.
func (r *Runtime) HasImage(context.Context, string) (bool, error) { return true, nil }

// Pull does nothing.
func (r *Runtime) Pull(context.Context, string, func(aim.Progress)) error { return nil }

// folderOf is the folder of the identity's server, which need not exist.
func (r *Runtime) folderOf(id aim.Identity) (folder, error) {
	name := id.Server()
	if !filepath.IsLocal(name) || filepath.Base(name) != name {
		return "", fmt.Errorf("server name %q cannot be a folder name", name)
	}
	return folder(filepath.Join(r.dir, name)), nil
}

// see looks at the identity's server; one of another attempt counts as absent.
func (r *Runtime) see(id aim.Identity) (folder, sight, error) {
	f, err := r.folderOf(id)
	if err != nil {
		return "", sight{}, err
	}
	s, err := f.look()
	if err != nil {
		return "", sight{}, fmt.Errorf("look for server %s: %w", id.Server(), err)
	}
	if s.plan.Launch.Token == "" && f.wasDamaged(launchFile) {
		s.plan.Launch.Identity = id // only its name is left, which is the folder's
	}
	if s.phase != absent && !s.plan.Launch.Same(id) {
		return f, sight{phase: absent}, nil
	}
	return f, s, nil
}
