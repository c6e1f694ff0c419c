package docker

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

const (
	// containerPort is where servers listen inside their container.
	containerPort = 8000
	// pidsLimit is far above what a server with eight GPUs needs (about 1000
	// threads) and stops a fork bomb.
	pidsLimit = 4096
	// The log of a container is rotated by the daemon: 150 MB at most.
	logFiles    = "3"
	logFileSize = "50m"
)

// Settings are what Spec must know of the node.
type Settings struct {
	DevRoot string // folder with kfd and dri/ on the node
	User    string // uid:gid for level strict
	Groups  []int  // ids of the groups that own the launch's device files
}

// Spec builds the configuration of a launch's container. It is pure: the same
// input gives the same container, and nothing but its input can widen what the
// container may do. A launch that cannot be is a Failure of class input; a GPU
// without a device file one of class gpu_fault.
func Spec(l aim.Launch, s Settings) (*container.Config, *container.HostConfig, *network.NetworkingConfig, error) {
	devices, err := deviceMappings(l, s.DevRoot)
	if err != nil {
		return nil, nil, nil, err
	}
	env, err := environment(l)
	if err != nil {
		return nil, nil, nil, err
	}
	mounts, err := mountsOf(l.Mounts)
	if err != nil {
		return nil, nil, nil, err
	}
	ports, err := publish(l.Address, l.Port)
	if err != nil {
		return nil, nil, nil, err
	}
	limits, err := resources(l.Resources)
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := parseImage(l.Image); err != nil {
		return nil, nil, nil, err
	}
	limits.Devices = devices
	cfg := &container.Config{
		Image:        l.Image,
		Entrypoint:   l.Entrypoint,
		Cmd:          l.Args,
		Env:          env,
		Labels:       labelsOf(l),
		ExposedPorts: nat.PortSet{exposed: {}},
		StopSignal:   "SIGTERM",
		// The node asks the server itself; an image's own check would run a
		// second opinion inside the container.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	host := &container.HostConfig{
		PortBindings:  ports,
		NetworkMode:   "bridge",
		IpcMode:       container.IPCModePrivate,
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig: container.LogConfig{
			Type:   "json-file", // the one driver that every engine can read back
			Config: map[string]string{"max-size": logFileSize, "max-file": logFiles},
		},
		SecurityOpt: []string{"no-new-privileges"},
		GroupAdd:    groupNumbers(s.Groups),
		ShmSize:     int64(l.Resources.ShmBytes),
		Mounts:      mounts,
		Resources:   limits,
	}
	if err := applyLevel(l.Level, s.User, cfg, host); err != nil {
		return nil, nil, nil, err
	}
	return cfg, host, &network.NetworkingConfig{}, nil
}

var exposed = nat.Port(strconv.Itoa(containerPort) + "/tcp")

var envPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// environment is NAME=value in order of the names: the level's defaults, then
// the launch's, then the secrets.
func environment(l aim.Launch) ([]string, error) {
	env := levelEnv(l.Level)
	for _, layer := range []map[string]string{l.Env, l.SecretEnv} {
		for _, name := range slices.Sorted(maps.Keys(layer)) {
			// The value may be a secret and stays out of the error.
			if !envPattern.MatchString(name) || strings.ContainsRune(layer[name], 0) {
				return nil, aim.Failf(aim.ClassInput, "environment variable %q has a bad name or value", name)
			}
			if strings.HasSuffix(name, "_VISIBLE_DEVICES") || name == "GPU_DEVICE_ORDINAL" {
				// Inside, GPUs count from 0: numbers of the node choose wrong ones.
				return nil, aim.Failf(aim.ClassInput, "environment variable %s would choose GPUs, which is the node's to do", name).
					WithHint("remove it from env")
			}
			env[name] = layer[name]
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list, nil
}

// publish maps the server's port to one address of the node. There is no
// default address: Docker's own would be all interfaces.
func publish(address string, port int) (nat.PortMap, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.IsUnspecified() || ip.Zone() != "" {
		return nil, aim.Failf(aim.ClassInput, "a server cannot be published on address %q", address).
			WithHint("set the node's --address to one of its own IP addresses")
	}
	if port < 1 || port > math.MaxUint16 {
		return nil, aim.Failf(aim.ClassInput, "a server cannot be published on port %d", port)
	}
	return nat.PortMap{exposed: {{HostIP: ip.String(), HostPort: strconv.Itoa(port)}}}, nil
}

// resources are the limits; 0 is no limit. Swap would only make an overfull
// server slow instead of failing it.
func resources(r aim.Resources) (container.Resources, error) {
	const tooMuch = 1 << 50 // bytes; no machine has it, and the API counts in int64
	if r.CPUs < 0 || r.CPUs > 1<<16 || r.HostBytes > tooMuch || r.ShmBytes > tooMuch {
		return container.Resources{}, aim.Failf(aim.ClassInput, "resources %+v are out of range", r)
	}
	pids := int64(pidsLimit)
	return container.Resources{
		NanoCPUs:   int64(r.CPUs) * 1e9,
		Memory:     int64(r.HostBytes),
		MemorySwap: int64(r.HostBytes),
		PidsLimit:  &pids,
	}, nil
}

// Places that no launch may share, or cover. The node's settings list the
// folders that may be mounted; this is what is never right.
var (
	neverSource = []string{"/dev", "/proc", "/sys", "/run", "/var/run", "/etc", "/boot"}
	neverTarget = []string{"/dev", "/proc", "/sys"}
)

// mountsOf shares exactly the launch's folders. A source that does not exist is
// the daemon's error, not a new folder of root.
func mountsOf(mounts []aim.Mount) ([]mount.Mount, error) {
	var list []mount.Mount
	for _, m := range mounts {
		if err := checkMount(m); err != nil {
			return nil, aim.Failf(aim.ClassInput, "mount %s at %s: %v", m.Source, m.Target, err)
		}
		list = append(list, mount.Mount{
			Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly,
			BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate},
		})
	}
	return list, nil
}

func checkMount(m aim.Mount) error {
	for _, p := range []string{m.Source, m.Target} {
		if !path.IsAbs(p) || path.Clean(p) != p || p == "/" || strings.ContainsRune(p, 0) {
			return fmt.Errorf("%q is not a clean absolute path below /", p)
		}
	}
	if within(m.Source, neverSource) || path.Base(m.Source) == "docker.sock" {
		return fmt.Errorf("%s is not shared with servers", m.Source)
	}
	if within(m.Target, neverTarget) {
		return fmt.Errorf("%s is not covered in containers", m.Target)
	}
	return nil
}

func within(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return p == f || strings.HasPrefix(p, f+"/") })
}
