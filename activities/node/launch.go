package node

import (
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/settings"
)

// NewLaunch builds everything a runtime needs to start the server of a claim,
// but for the values of secrets. bind tells where a server that is published on
// an address and port must listen (Runtime.Bind). It is pure: what a node starts
// is what `aim render` writes. The error is a Failure.
func NewLaunch(b Backend, rung aim.Rung, claim aim.Claim, gpus []aim.GPU, n settings.Node, bind func(string, int) (string, int)) (aim.Launch, error) {
	host, port := bind(n.Address, claim.Port)
	args, env, err := b.Args(rung, host, port)
	if err != nil {
		return aim.Launch{}, err
	}
	if err := container.CheckGiven(rung.Backend, rung.Env, nil, n.EnvAllowed); err != nil {
		return aim.Launch{}, err
	}
	l := aim.Launch{
		Identity: claim.Identity, Backend: rung.Backend, Image: rung.Image,
		Entrypoint: b.Entrypoint(rung.Image), Args: args, GPUs: gpus, ShareBytes: claim.ShareBytes,
		Address: n.Address, Port: claim.Port, Resources: rung.Resources,
		Level: n.Level, Model: rung.ServedName, Weights: rung.Model, Task: rung.Task, Simulated: n.SimulateRoot != "",
	}
	l.Env = cacheEnv(n.Cache)
	maps.Copy(l.Env, env)
	weights := weightsOf(rung.Model, n.Cache)
	l.Mounts = append(l.Mounts, aim.Mount{Source: weights, Target: weights, ReadOnly: true})
	if n.SimulateRoot != "" {
		simulate(&l, n.SimulateRoot, rung.Version)
	}
	return l, nil
}

// weightsOf is the one folder that a server needs of a model: the model's own, or
// its repository in the cache, as Hugging Face names it. The rest of the cache is
// none of its business: other models, and the token file beside them.
func weightsOf(model, cache string) string {
	if filepath.IsAbs(model) {
		return model
	}
	return filepath.Join(cache, "hub", "models--"+strings.ReplaceAll(model, "/", "--"))
}

// cacheEnv tells a server where the weights are, under every name that some
// server reads: the images of TGI point an old one to a folder of their own. The
// weights were fetched and verified before, so that the server need not reach
// the hub.
func cacheEnv(cache string) map[string]string {
	hub := filepath.Join(cache, "hub")
	return map[string]string{"HF_HOME": cache, "HF_HUB_CACHE": hub, "HUGGINGFACE_HUB_CACHE": hub, "HF_HUB_OFFLINE": "1"}
}

// repositoryPattern finds ids of the hub in an option: a draft model, an adapter,
// a tokenizer.
var repositoryPattern = aim.Pattern(`[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*`)

// named lists what the options name that lies in the cache.
func named(opts []aim.Option, cache string) []aim.Mount {
	var found []aim.Mount
	for _, o := range opts {
		for _, model := range repositoryPattern().FindAllString(o.Value, -1) {
			folder := weightsOf(model, cache)
			if info, err := os.Stat(folder); err == nil && info.IsDir() {
				found = append(found, aim.Mount{Source: folder, Target: folder, ReadOnly: true})
			}
		}
	}
	return found
}

// simulate gives a stand-in server the tree of its GPUs. It gets no limits of
// CPU and memory: those of the machine that it plays are not this one's.
func simulate(l *aim.Launch, root, version string) {
	l.Env["AIM_SIM_ROOT"], l.Env["AIM_SIM_VERSION"], l.Env["AIM_SIM_COUNT"] = root, version, l.UID
	l.Mounts = append(l.Mounts, aim.Mount{Source: root, Target: root})
	l.Resources.CPUs, l.Resources.HostBytes = 0, 0
}
