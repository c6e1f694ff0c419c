package process

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// visibleDevices chooses GPUs for ROCr, the layer below HIP. HIP_ and
// CUDA_VISIBLE_DEVICES would then count what is left, from 0.
const visibleDevices = "ROCR_VISIBLE_DEVICES"

var (
	envPattern  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	uuidPattern = regexp.MustCompile(`^GPU-[0-9a-f]{16}$`) // as ROCr prints it
)

// environment is the whole environment of a server, as NAME=value in order of
// the names: the agent's own without what is not the server's business, then
// the runtime's, the launch's, and the secrets. The choice of GPUs comes last
// and cannot be overridden.
func environment(agent []string, runtime map[string]string, launch aim.Launch) ([]string, error) {
	devices, err := visible(launch)
	if err != nil {
		return nil, err
	}
	env := inherited(agent)
	for _, layer := range []map[string]string{runtime, launch.Env, launch.SecretEnv} {
		for _, name := range slices.Sorted(maps.Keys(layer)) {
			if err := checkVariable(name, layer[name]); err != nil {
				return nil, err
			}
			env[name] = layer[name]
		}
	}
	env[visibleDevices] = devices
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list, nil
}

// checkVariable refuses what could not be passed on, and what the runtime sets
// itself. The value may be a secret and never shows up in the error.
func checkVariable(name, value string) error {
	switch {
	case !envPattern.MatchString(name) || strings.ContainsRune(value, 0):
		return aim.Failf(aim.ClassInput, "environment variable %q has a bad name or value", name)
	case picksDevices(name):
		return aim.Failf(aim.ClassInput, "environment variable %s would choose GPUs, which is the node's to do", name).
			WithHint("remove it from env")
	case name == gateEnv:
		return aim.Failf(aim.ClassInput, "environment variable %s is reserved", name)
	}
	return nil
}

func picksDevices(name string) bool {
	return strings.HasSuffix(name, "_VISIBLE_DEVICES") || name == "GPU_DEVICE_ORDINAL"
}

// inherited is what a server gets of the agent's environment. Images tune their
// backend with many variables (PATH, HSA_*, VLLM_*, ...), so all are passed on
// but the agent's own settings, choices of GPUs, and what looks like a secret.
// Secrets come by Launch.SecretEnv, for the servers that are to have them.
func inherited(agent []string) map[string]string {
	env := map[string]string{}
	for _, pair := range agent {
		name, value, _ := strings.Cut(pair, "=")
		if envPattern.MatchString(name) && !picksDevices(name) && !agentsOwn(name) && !looksSecret(name) {
			env[name] = value
		}
	}
	return env
}

func agentsOwn(name string) bool {
	for _, prefix := range []string{"AIM_", "TEMPORAL_", "NATS_", gateEnv} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func looksSecret(name string) bool {
	for _, word := range strings.Split(strings.ToUpper(name), "_") {
		switch word {
		case "TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS":
			return true
		}
	}
	return false
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
		if !uuidPattern.MatchString(g.UUID) {
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
