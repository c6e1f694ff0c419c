package docker

import (
	"fmt"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	rules "github.com/aim-engine/aim/internal/container"
)

var exposed = nat.Port(strconv.Itoa(rules.Port) + "/tcp")

// translate writes a Spec, but for its secrets, in the words of Docker's API.
// It decides nothing.
func translate(s rules.Spec, labels map[string]string) (*container.Config, *container.HostConfig) {
	processes := int64(s.Limits.Processes)
	cfg := &container.Config{
		Image: s.Image, Entrypoint: s.Entrypoint, Cmd: s.Args, Env: rules.Pairs(s.Env), User: s.User,
		Labels: labels, StopSignal: s.StopSignal,
		ExposedPorts: nat.PortSet{exposed: {}},
		// The node asks the server itself; an image's own check would run a
		// second opinion inside the container.
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	host := &container.HostConfig{
		PortBindings:   nat.PortMap{exposed: {{HostIP: s.Publish.Address.String(), HostPort: strconv.Itoa(s.Publish.Port)}}},
		NetworkMode:    "bridge",
		IpcMode:        container.IPCModePrivate,
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		ReadonlyRootfs: s.ReadOnlyRoot,
		SecurityOpt:    []string{"no-new-privileges"},
		ShmSize:        int64(s.Limits.ShmBytes),
		LogConfig: container.LogConfig{
			Type:   "json-file", // the one driver that every engine can read back
			Config: map[string]string{"max-size": strconv.FormatUint(s.Log.FileBytes>>20, 10) + "m", "max-file": strconv.Itoa(s.Log.Files)},
		},
		Resources: container.Resources{
			NanoCPUs: int64(s.Limits.CPUs) * 1e9, PidsLimit: &processes,
			Memory: int64(s.Limits.MemoryBytes), MemorySwap: int64(s.Limits.MemoryBytes),
		},
	}
	if s.Drop {
		host.CapDrop = []string{"ALL"}
	}
	if s.Unconfined {
		host.SecurityOpt = append(host.SecurityOpt, "seccomp=unconfined")
	}
	for _, g := range s.Groups {
		host.GroupAdd = append(host.GroupAdd, strconv.Itoa(g))
	}
	for _, d := range s.Devices {
		host.Devices = append(host.Devices, container.DeviceMapping{PathOnHost: d.Source, PathInContainer: d.Target, CgroupPermissions: "rw"})
	}
	for _, t := range s.Scratch {
		if host.Tmpfs == nil {
			host.Tmpfs = map[string]string{}
		}
		host.Tmpfs[t.Target] = fmt.Sprintf("rw,exec,nosuid,nodev,mode=1777,size=%dg", t.Bytes>>30)
	}
	for _, m := range s.Mounts {
		// A source that does not exist is the daemon's error, not a new folder of
		// root.
		host.Mounts = append(host.Mounts, mount.Mount{
			Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly,
			BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate},
		})
	}
	return cfg, host
}
