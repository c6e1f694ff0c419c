package node

import (
	"maps"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
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
	for name := range rung.Env {
		if err := checkEnvName(name); err != nil {
			return aim.Launch{}, err
		}
	}
	l := aim.Launch{
		Identity: claim.Identity, Backend: rung.Backend, Image: rung.Image,
		Entrypoint: b.Entrypoint(rung.Image), Args: args, GPUs: gpus, ShareBytes: claim.ShareBytes,
		Address: n.Address, Port: claim.Port, Resources: rung.Resources,
		Level: n.Level, Model: rung.ServedName, Weights: rung.Model, Task: rung.Task, Simulated: n.SimulateRoot != "",
	}
	l.Env = cacheEnv(n.Cache)
	maps.Copy(l.Env, env)
	l.Mounts = append(l.Mounts, aim.Mount{Source: n.Cache, Target: n.Cache, ReadOnly: true})
	if filepath.IsAbs(rung.Model) {
		l.Mounts = append(l.Mounts, aim.Mount{Source: rung.Model, Target: rung.Model, ReadOnly: true})
	}
	if n.SimulateRoot != "" {
		simulate(&l, n.SimulateRoot, rung.Version)
	}
	return l, nil
}

// cacheEnv tells a server where the weights are, under every name that some
// server reads: the images of TGI point an old one to a folder of their own. The
// weights were fetched and verified before, so that the server need not reach
// the hub.
func cacheEnv(cache string) map[string]string {
	hub := filepath.Join(cache, "hub")
	return map[string]string{"HF_HOME": cache, "HF_HUB_CACHE": hub, "HUGGINGFACE_HUB_CACHE": hub, "HF_HUB_OFFLINE": "1"}
}

// forbiddenEnv would let a deployment choose code or GPUs on the node.
var forbiddenEnv = []string{
	"PATH", "HOME", "LD_", "PYTHON", "HF_HOME", "HF_HUB_", "HUGGINGFACE_HUB_CACHE",
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

// simulate gives a stand-in server the tree of its GPUs. It gets no limits of
// CPU and memory: those of the machine that it plays are not this one's.
func simulate(l *aim.Launch, root, version string) {
	l.Env["AIM_SIM_ROOT"], l.Env["AIM_SIM_VERSION"], l.Env["AIM_SIM_COUNT"] = root, version, l.UID
	l.Mounts = append(l.Mounts, aim.Mount{Source: root, Target: root})
	l.Resources.CPUs, l.Resources.HostBytes = 0, 0
}
