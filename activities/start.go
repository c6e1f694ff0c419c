package activities

import (
	"context"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

// Start starts the server of a claimed attempt, or finds it running. It gives
// it exactly the GPUs of the claim, as they are numbered now.
func (n *Node) Start(ctx context.Context, req StartRequest) (StartResult, error) {
	ctx, t, leave := n.enter(ctx, req.Identity)
	defer leave()
	t.order.Lock()
	defer t.order.Unlock()
	claim, ok := n.claimOf(req.Identity)
	if !ok || claim.Stopping {
		return StartResult{}, carry(aim.Failf(aim.ClassRefused, "%s has no claim on node %s", req.Server(), n.opts.ID))
	}
	p := newPulse(ctx)
	defer p.stop()
	res, err := n.startClaimed(ctx, claim, req)
	return res, carry(t.ended(err, n.opts.ID))
}

func (n *Node) startClaimed(ctx context.Context, claim aim.Claim, req StartRequest) (StartResult, error) {
	r, err := n.runtimeFor(ctx, req.Identity)
	if err != nil {
		return StartResult{}, err
	}
	launch, err := n.launch(ctx, r, claim, req)
	if err != nil {
		return StartResult{}, err
	}
	server, err := r.Start(ctx, launch)
	if err != nil {
		return StartResult{}, n.whyNotStarted(ctx, r, req.Identity, err)
	}
	return StartResult{URL: n.url(claim.Port), Runtime: r.Name(), Server: server.Name, Simulated: launch.Simulated}, nil
}

// whyNotStarted finds the root cause in the log of a server that ended before
// its start was seen; anything else is what the runtime said.
func (n *Node) whyNotStarted(ctx context.Context, r Runtime, id aim.Identity, err error) error {
	server, ok, findErr := r.Find(ctx, id)
	if findErr != nil || !ok || server.Exit == nil || aim.FailureOf(err).Class != aim.ClassStart {
		return err
	}
	return n.rootCause(server, r, *server.Exit)
}

// runtimeFor is the runtime that has the attempt's server already, else the
// one that starts new ones.
func (n *Node) runtimeFor(ctx context.Context, id aim.Identity) (Runtime, error) {
	if _, r, err := n.find(ctx, id); err != nil || r != nil {
		return r, err
	}
	return n.runtime(ctx)
}

func (n *Node) url(port int) string {
	return "http://" + net.JoinHostPort(n.opts.Address, strconv.Itoa(port))
}

// launch builds everything the runtime needs from typed values and the node's
// own settings.
func (n *Node) launch(ctx context.Context, r Runtime, claim aim.Claim, req StartRequest) (aim.Launch, error) {
	if err := n.checkImage(req.Rung.Image); err != nil {
		return aim.Launch{}, err
	}
	backend, ok := n.ports.Backends[req.Rung.Backend]
	if !ok {
		return aim.Launch{}, aim.Failf(aim.ClassInput, "backend %q is not known on node %s", req.Rung.Backend, n.opts.ID)
	}
	gpus, err := n.resolve(ctx, claim.GPUs)
	if err != nil {
		return aim.Launch{}, err
	}
	host, port := r.Bind(n.opts.Address, claim.Port)
	args, env, err := backend.Args(req.Rung, host, port)
	if err != nil {
		return aim.Launch{}, err
	}
	l := aim.Launch{
		Identity: claim.Identity, Backend: req.Rung.Backend, Image: req.Rung.Image,
		Entrypoint: backend.Entrypoint(req.Rung.Image), Args: args, GPUs: gpus,
		Address: n.opts.Address, Port: claim.Port, Resources: req.Rung.Resources,
		Level: n.opts.Level, Model: req.Rung.ServedName, Task: req.Rung.Task, Simulated: n.opts.SimulateRoot != "",
	}
	if l.SecretEnv, err = n.secretEnv(req.Secrets); err != nil {
		return aim.Launch{}, err
	}
	return l, n.fillEnv(ctx, &l, env, req.Rung)
}

// resolve finds the claimed GPUs as they are now: render minors may have
// changed over a reboot.
func (n *Node) resolve(ctx context.Context, ids []string) ([]aim.GPU, error) {
	d, err := n.Rescan(ctx)
	if err != nil {
		return nil, err
	}
	var gpus []aim.GPU
	for _, id := range ids {
		i := slices.IndexFunc(d.GPUs, func(g aim.GPU) bool { return g.ID == id })
		if i < 0 {
			return nil, aim.Failf(aim.ClassGPUFault, "claimed GPU %s is gone from node %s", id, n.opts.ID)
		}
		if d.GPUs[i].Health == aim.HealthUnhealthy {
			return nil, aim.Failf(aim.ClassGPUFault, "claimed GPU %s is unhealthy: %s", id, d.GPUs[i].HealthReason)
		}
		gpus = append(gpus, d.GPUs[i])
	}
	return gpus, nil
}

// forbiddenEnv would let a deployment choose code or GPUs on the node.
var forbiddenEnv = []string{
	"PATH", "HOME", "LD_", "PYTHON", "HF_HOME", "HF_HUB_",
	"ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "AIM_SIM_",
}

func checkEnvName(name string) error {
	for _, bad := range forbiddenEnv {
		if name == bad || (strings.HasSuffix(bad, "_") || bad == "PYTHON") && strings.HasPrefix(name, bad) {
			return aim.Failf(aim.ClassInput, "environment variable %s is set by the node and may not be given", name)
		}
	}
	return nil
}

// fillEnv adds the environment: the backend's, the rung's, and where the
// weights are. The weights were fetched and verified before, so that the server
// need not reach the hub.
func (n *Node) fillEnv(ctx context.Context, l *aim.Launch, backendEnv map[string]string, rung aim.Rung) error {
	for name := range rung.Env {
		if err := checkEnvName(name); err != nil {
			return err
		}
	}
	hub, err := n.ports.Hub("")
	if err != nil {
		return err
	}
	l.Env = map[string]string{"HF_HOME": hub.Cache(), "HF_HUB_OFFLINE": "1"}
	maps.Copy(l.Env, backendEnv)
	maps.Copy(l.Env, rung.Env)
	l.Mounts = append(l.Mounts, aim.Mount{Source: hub.Cache(), Target: hub.Cache(), ReadOnly: true})
	if filepath.IsAbs(rung.Model) {
		// Checked again: whoever asks for a start need not have asked for a fetch.
		if _, err := hub.Fetch(ctx, rung.Model, rung.Revision, func(aim.Progress) {}); err != nil {
			return err
		}
		l.Mounts = append(l.Mounts, aim.Mount{Source: rung.Model, Target: rung.Model, ReadOnly: true})
	}
	if n.opts.SimulateRoot != "" {
		simulate(l, n.opts.SimulateRoot, rung.Version)
	}
	return nil
}

// simulate gives a stand-in server the tree of its GPUs. It gets no limits of
// CPU and memory: those of the machine that it plays are not this one's.
func simulate(l *aim.Launch, root, version string) {
	l.Env["AIM_SIM_ROOT"], l.Env["AIM_SIM_VERSION"], l.Env["AIM_SIM_COUNT"] = root, version, l.UID
	l.Mounts = append(l.Mounts, aim.Mount{Source: root, Target: root})
	l.Resources.CPUs, l.Resources.HostBytes = 0, 0
}
