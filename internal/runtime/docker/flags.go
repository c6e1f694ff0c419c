package docker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/docker/docker/api/types/container"
)

// Listen is where a server in a container listens, whatever it is published on.
func Listen(string, int) (host string, port int) { return "0.0.0.0", containerPort }

// Flag is one option of `docker run`, without dashes; one without a value is a
// switch.
type Flag struct{ Name, Value string }

// Flags are the options of `docker run` that make the container of a launch, but
// for its name and labels: those say whose a container is, and one that somebody
// starts by hand is nobody's of ours. A secret is named without its value, which
// docker then takes from its own environment. They come from Spec, so that they
// are what a node would do; errors are those of Spec.
func Flags(l aim.Launch, s Settings) ([]Flag, error) {
	s.User = cmp.Or(s.User, strictUser)
	cfg, host, _, err := Spec(l, s)
	if err != nil {
		return nil, err
	}
	flags := append(closeFlags(cfg, host), limitFlags(host)...)
	for _, d := range host.Devices {
		flags = append(flags, Flag{"device", deviceFlag(d)})
	}
	for _, g := range host.GroupAdd {
		flags = append(flags, Flag{"group-add", g})
	}
	for _, m := range host.Mounts {
		value := fmt.Sprintf("type=%s,source=%s,target=%s", m.Type, m.Source, m.Target)
		if m.ReadOnly {
			value += ",readonly"
		}
		flags = append(flags, Flag{"mount", value})
	}
	for _, p := range host.PortBindings[exposed] {
		flags = append(flags, Flag{"publish", fmt.Sprintf("%s:%s:%d", p.HostIP, p.HostPort, containerPort)})
	}
	for _, e := range cfg.Env {
		if name, _, _ := strings.Cut(e, "="); secret(l, name) {
			e = name
		}
		flags = append(flags, Flag{"env", e})
	}
	return flags, nil
}

func secret(l aim.Launch, name string) bool {
	_, ok := l.SecretEnv[name]
	return ok
}

// closeFlags are what the container may not do, and how it ends.
func closeFlags(cfg *container.Config, host *container.HostConfig) []Flag {
	flags := []Flag{{"restart", string(host.RestartPolicy.Name)}, {"stop-signal", cfg.StopSignal}, {"no-healthcheck", ""}, {"ipc", string(host.IpcMode)}}
	for _, c := range host.CapDrop {
		flags = append(flags, Flag{"cap-drop", c})
	}
	for _, o := range host.SecurityOpt {
		flags = append(flags, Flag{"security-opt", o})
	}
	if cfg.User != "" {
		flags = append(flags, Flag{"user", cfg.User})
	}
	if host.ReadonlyRootfs {
		flags = append(flags, Flag{"read-only", ""})
	}
	for _, path := range slices.Sorted(maps.Keys(host.Tmpfs)) {
		flags = append(flags, Flag{"tmpfs", path + ":" + host.Tmpfs[path]})
	}
	return flags
}

// limitFlags are what the container may use; 0 is no limit.
func limitFlags(host *container.HostConfig) []Flag {
	var flags []Flag
	for _, l := range []struct {
		name  string
		value int64
	}{
		{"cpus", host.NanoCPUs / 1e9}, {"memory", host.Memory}, {"memory-swap", host.MemorySwap},
		{"pids-limit", *host.PidsLimit}, {"shm-size", host.ShmSize},
	} {
		if l.value != 0 {
			flags = append(flags, Flag{l.name, strconv.FormatInt(l.value, 10)})
		}
	}
	flags = append(flags, Flag{"log-driver", host.LogConfig.Type})
	for _, name := range slices.Sorted(maps.Keys(host.LogConfig.Config)) {
		flags = append(flags, Flag{"log-opt", name + "=" + host.LogConfig.Config[name]})
	}
	return flags
}

func deviceFlag(d container.DeviceMapping) string {
	if d.PathOnHost == d.PathInContainer {
		return d.PathOnHost
	}
	return d.PathOnHost + ":" + d.PathInContainer
}

// Groups are the ids of the groups that own the launch's device files on this
// machine; the error is a Failure of class gpu_fault where they are not here.
func Groups(l aim.Launch, devRoot string) ([]int, error) { return deviceGroups(l, devRoot) }
