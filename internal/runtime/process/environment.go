package process

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/recipes/options"
)

const (
	// visibleDevices chooses GPUs for ROCr, the layer below HIP. HIP_ and
	// CUDA_VISIBLE_DEVICES would then count what is left, from 0.
	visibleDevices = "ROCR_VISIBLE_DEVICES"
	// serverEnv names the folder of a server in the environment of all that it
	// has started: the truth about whose they are, should its record be lost.
	serverEnv = "_AIM_SERVER"
)

var uuidPattern = aim.Pattern(`^GPU-[0-9a-f]{16}$`) // as ROCr prints it

// environment is the whole environment of a server, as NAME=value in order of
// the names. Of the agent's own it has the search path for programs, and what
// the node's owner lists by name; then come the runtime's, the launch's, and the
// secrets. The choice of GPUs comes last and cannot be overridden.
func (r *Runtime) environment(f folder, p plan, secrets map[string]string) ([]string, error) {
	devices, err := visible(p.Launch)
	if err != nil {
		return nil, err
	}
	base := map[string]string{"PATH": os.Getenv("PATH"), "LANG": "C.UTF-8", "HOME": cmp.Or(os.Getenv("HOME"), "/")}
	if p.Home != "" {
		maps.Copy(base, container.HomeEnv(p.Home))
	}
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); inherits(name, r.inherit) {
			base[name] = value
		}
	}
	maps.Copy(base, r.opts.Env)
	l := p.Launch
	l.SecretEnv = secrets
	for _, own := range []string{gateEnv, serverEnv} {
		if _, taken := l.Env[own]; taken {
			return nil, aim.Failf(aim.ClassInput, "environment variable %s is reserved", own)
		}
	}
	env, err := container.Environment(base, l)
	if err != nil {
		return nil, err
	}
	maps.Copy(env, secrets)
	env[visibleDevices], env[serverEnv] = devices, string(f)
	return container.Pairs(env), nil
}

// inherits tells whether the owner's list names a variable of the agent; a
// trailing * matches the rest. What chooses GPUs, and what the agent itself is
// configured with, is never handed on.
func inherits(name string, list []string) bool {
	if !aim.IsEnvName(name) || options.ChoosesGPUs(name) || strings.HasPrefix(name, "_AIM_") || strings.HasPrefix(name, "AIM_") {
		return false
	}
	return slices.ContainsFunc(list, func(entry string) bool {
		prefix, rest := strings.CutSuffix(entry, "*")
		return name == entry || rest && strings.HasPrefix(name, prefix)
	})
}

// visible is the value of ROCR_VISIBLE_DEVICES; without GPUs it is empty, which
// hides them all. Simulated GPUs are only named: nothing reads the value.
func visible(launch aim.Launch) (string, error) {
	var uuids []string
	for _, g := range launch.GPUs {
		if launch.Simulated {
			uuids = append(uuids, g.UUID)
			continue
		}
		if g.Partitions > 1 {
			// All partitions of a GPU carry the same UUID.
			return "", aim.Failf(aim.ClassRuntime, "the process runtime cannot give out %s: it is a partition of a GPU", g.ID).
				WithHint("use --runtime docker on this node")
		}
		if !uuidPattern().MatchString(g.UUID) {
			return "", aim.Failf(aim.ClassRuntime, "the process runtime cannot give out %s: its UUID %q is none", g.ID, g.UUID).
				WithHint("use --runtime docker on this node")
		}
		if slices.Contains(uuids, g.UUID) {
			return "", fmt.Errorf("GPU %s is listed twice", g.UUID)
		}
		uuids = append(uuids, g.UUID)
	}
	return strings.Join(uuids, ","), nil
}
