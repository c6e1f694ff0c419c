package worker

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/backend/sglang"
	"github.com/aim-engine/aim/internal/backend/tgi"
	"github.com/aim-engine/aim/internal/backend/vllm"
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
		r, err := n.openProcess()
		return []node.Runtime{r}, err
	case "docker", "":
		d, err := n.openDocker()
		if err != nil {
			return nil, err
		}
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

func (n *Node) openProcess() (node.Runtime, error) {
	return process.New(process.Config{
		Dir: filepath.Join(n.cfg.Dir, "servers"), Commands: n.cfg.Commands, DevRoot: n.cfg.Dev,
		User: n.cfg.ServerUser, Inherit: n.cfg.EnvInherit,
	})
}

func (n *Node) openDocker() (*docker.Runtime, error) {
	d, err := docker.New(docker.Config{
		Host: n.cfg.DockerHost, DevRoot: n.cfg.Dev,
		Dir: filepath.Join(n.cfg.Dir, "docker"), LogDir: filepath.Join(n.cfg.Dir, "logs"),
	})
	if err == nil {
		n.docker = d
	}
	return d, err
}

// strangers lists containers that are not ours and hold render nodes, where
// Docker is the runtime.
func (n *Node) strangers(ctx context.Context) ([]node.Stranger, error) {
	if n.docker == nil {
		return nil, nil
	}
	holders, err := n.docker.Holders(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for containers that hold GPUs: %w", err)
	}
	var all []node.Stranger
	for _, h := range holders {
		if h.Ours || len(h.Renders) == 0 {
			continue // a container that may use every GPU, as monitors do, uses none until KFD says so
		}
		all = append(all, node.Stranger{Who: fmt.Sprintf("container %s (%s)", h.Name, h.Image), Renders: h.Renders})
	}
	return all, nil
}
