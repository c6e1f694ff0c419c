package node

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// Start starts the server of a claimed attempt, or finds it running. It gives
// it exactly the GPUs of the claim, as they are numbered now.
func (n *Node) Start(ctx context.Context, req activities.StartRequest) (activities.StartResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, a, leave := n.enter(ctx, req.Identity)
	defer leave()
	a.order.Lock()
	defer a.order.Unlock()
	claim, ok := n.claimOf(req.Identity)
	if !ok || claim.Stopping {
		return activities.StartResult{}, activities.Carry(aim.Failf(aim.ClassRefused, "%s has no claim on node %s", req.Server(), n.opts.ID))
	}
	res, err := n.startClaimed(ctx, claim, req)
	return res, activities.Carry(a.ended(err, n.opts.ID))
}

func (n *Node) startClaimed(ctx context.Context, claim aim.Claim, req activities.StartRequest) (activities.StartResult, error) {
	r, err := n.runtimeFor(ctx, req.Identity)
	if err != nil {
		return activities.StartResult{}, err
	}
	launch, err := n.launch(ctx, r, claim, req)
	if err != nil {
		return activities.StartResult{}, err
	}
	server, err := n.startInTurn(ctx, r, launch)
	if err != nil {
		return activities.StartResult{}, n.whyNotStarted(ctx, r, req.Identity, err)
	}
	return activities.StartResult{URL: n.url(claim.Port), Runtime: r.Name(), Server: server.Name, Simulated: launch.Simulated}, nil
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
func (n *Node) launch(ctx context.Context, r Runtime, claim aim.Claim, req activities.StartRequest) (aim.Launch, error) {
	if err := container.CheckImage(req.Rung.Image, n.opts.Registries); err != nil {
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
	rung, err := shared(backend, req.Rung, claim, gpus)
	if err != nil {
		return aim.Launch{}, err
	}
	if rung.Model, err = n.localWeights(ctx, rung); err != nil {
		return aim.Launch{}, err
	}
	if rung, err = n.settleCode(ctx, rung); err != nil {
		return aim.Launch{}, err
	}
	var files []aim.Mount
	rung.Options, files, err = container.Share(rung.Options, append([]string{n.opts.Cache}, n.opts.WeightRoots...))
	if err != nil {
		return aim.Launch{}, err
	}
	if rung, err = n.prepared(r, rung); err != nil {
		return aim.Launch{}, err
	}
	l, err := NewLaunch(backend, rung, claim, gpus, n.opts.Node, r.Bind)
	if err != nil {
		return aim.Launch{}, err
	}
	files = append(files, named(rung.Options, n.opts.Cache)...)
	for _, c := range rung.Companions {
		folder := weightsOf(c.Model, n.opts.Cache)
		files = append(files, aim.Mount{Source: folder, Target: folder, ReadOnly: true})
	}
	for _, m := range files {
		if !slices.Contains(l.Mounts, m) {
			l.Mounts = append(l.Mounts, m)
		}
	}
	l.SecretEnv, err = n.secretEnv(rung.Backend, req.Secrets)
	return l, err
}

// localWeights is the model as its server is told: of a folder on this node, the
// one that its links lead to now, so that what is checked here is what is mounted
// and read, whatever the links become. It is checked again: whoever asks for a
// start need not have asked for a fetch.
func (n *Node) localWeights(ctx context.Context, rung aim.Rung) (string, error) {
	if !filepath.IsAbs(rung.Model) {
		return rung.Model, nil
	}
	hub, err := n.ports.Hub("")
	if err != nil {
		return "", err
	}
	return hub.Fetch(ctx, rung.Model, rung.Revision, func(aim.Progress) {})
}

// prepared is the rung with its adapters as they lie on this node, once everything
// that its server reads is known to be readable for the user that it runs as.
func (n *Node) prepared(r Runtime, rung aim.Rung) (aim.Rung, error) {
	hub, err := n.ports.Hub("")
	if err != nil {
		return rung, err
	}
	if as, ok := r.(Impersonator); ok {
		if user, ok := as.ServerUser(n.opts.Level); ok {
			if err := hub.Readable(rung.Model, rung.Revision, user); err != nil {
				return rung, err
			}
		}
	}
	var modules []string
	most := 0
	for _, c := range rung.Companions {
		path, rank, err := hub.Companion(c)
		if err != nil {
			return rung, err
		}
		if c.Kind == aim.CompanionAdapter {
			modules, most = append(modules, c.Name+"="+path), max(most, rank)
		}
	}
	if len(modules) == 0 {
		return rung, nil
	}
	rung.Options = append(slices.Clone(rung.Options),
		aim.Option{Name: "enable-lora", Bare: true},
		aim.Option{Name: "max-lora-rank", Value: strconv.Itoa(loraRank(most))},
		aim.Option{Name: "lora-modules", Value: strings.Join(modules, " ")})
	return rung, nil
}

// loraRank is the smallest rank that vLLM can be set to and that holds an adapter
// of this one (vllm/config/lora.py, MaxLoRARanks).
func loraRank(rank int) int {
	for _, r := range []int{8, 16, 32, 64, 128, 256, 320} {
		if rank <= r {
			return r
		}
	}
	return 512
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
		g, ok := findGPU(d, id)
		if !ok {
			return nil, aim.Failf(aim.ClassGPUFault, "claimed GPU %s is gone from node %s", id, n.opts.ID)
		}
		if g.Health == aim.HealthUnhealthy {
			return nil, aim.Failf(aim.ClassGPUFault, "claimed GPU %s is unhealthy: %s", id, g.HealthReason)
		}
		gpus = append(gpus, g)
	}
	return gpus, nil
}
