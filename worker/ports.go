package worker

import (
	"context"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/backend/sglang"
	"github.com/aim-engine/aim/internal/backend/tgi"
	"github.com/aim-engine/aim/internal/backend/vllm"
	"github.com/aim-engine/aim/internal/hub"
	"github.com/aim-engine/aim/internal/runtime/docker"
	"github.com/aim-engine/aim/internal/runtime/process"
)

// Backends are the LLM servers that this build knows, by name.
func Backends() map[string]node.Backend {
	all := map[string]node.Backend{}
	v, s, t := vllm.New(), sglang.New(), tgi.New()
	v.AllowRemoteCode, s.AllowRemoteCode, t.AllowRemoteCode = true, true, true // the node has the word: node.remote_code
	for _, b := range []node.Backend{v, s, t} {
		all[b.Name()] = b
	}
	return all
}

// openRuntimes opens the runtime that the settings name, or Docker where it
// answers. An agent without a runtime still tells what GPUs it has.
func (n *Node) openRuntimes(ctx context.Context) ([]node.Runtime, error) {
	switch n.cfg.Runtime {
	case "process":
		r, err := process.New(n.cfg, process.Options{})
		return []node.Runtime{r}, err
	case "docker", "":
		d, err := docker.New(n.cfg, docker.Options{})
		if err != nil {
			return nil, err
		}
		n.strangers = d.Strangers
		if err := d.Check(ctx); err != nil {
			n.log.Warn("Docker does not answer; nothing can be started until it does", "error", err)
		}
		if about, err := d.About(ctx); err == nil {
			for _, why := range about.Obstacles(n.cfg.Dev) {
				n.log.Warn("containers of this Docker daemon cannot use GPUs", "daemon", about.Address.String(), "why", why)
			}
		}
		return []node.Runtime{d}, nil
	}
	return nil, aim.Failf(aim.ClassInput, "runtime %q is not known; use docker or process", n.cfg.Runtime)
}

// openHub opens the hub for a token.
func (n *Node) openHub() func(token string) (node.Hub, error) {
	hubs := hub.NewHubs(n.cfg.Weights)
	return func(token string) (node.Hub, error) {
		h, err := hubs.Open(token)
		if err != nil {
			return nil, err
		}
		return h, nil
	}
}
