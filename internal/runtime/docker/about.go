package docker

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/system"
)

// About is what a daemon says of itself, as far as it matters here.
type About struct {
	Address Address
	Version string // of the daemon: 20.10.24
	Root    string // folder of images and containers

	Rootless  bool // it runs as a user
	MapsUsers bool // ids in containers are others on the node (userns-remap)
	Desktop   bool // it runs in a virtual machine
	Linux     bool
}

// About asks the daemon what it is. Once it has answered, the answer is kept:
// none of it changes while a daemon runs.
func (r *Runtime) About(ctx context.Context) (About, error) {
	if known := r.about.Load(); known != nil {
		return *known, nil
	}
	info, err := r.api.Info(ctx)
	if err != nil {
		return About{}, r.unreached(err)
	}
	about := aboutOf(info)
	about.Address = r.daemon
	r.about.Store(&about)
	return about, nil
}

func aboutOf(info system.Info) About {
	// name=seccomp,profile=default   name=rootless   name=userns
	option := func(name string) bool {
		return slices.ContainsFunc(info.SecurityOptions, func(o string) bool { return slices.Contains(strings.Split(o, ","), "name="+name) })
	}
	return About{
		Version: info.ServerVersion, Root: info.DockerRootDir,
		Rootless: option("rootless"), MapsUsers: option("userns"),
		Desktop: strings.Contains(info.OperatingSystem, "Docker Desktop"),
		Linux:   info.OSType == "" || info.OSType == "linux",
	}
}

// Obstacles are the reasons why containers of this daemon cannot use GPUs, each
// with its cure; none is usual.
func (a About) Obstacles(devRoot string) []string {
	kfd := path.Join(devRoot, "kfd")
	var all []string
	if a.Desktop || !a.Linux {
		all = append(all, "it runs containers in a virtual machine, which has none of this machine's GPUs: install Docker Engine")
	}
	if a.Rootless {
		all = append(all, fmt.Sprintf("it is rootless: it cannot give containers the groups that own %s, so only device files that everybody may open work; use the daemon of root, or let everybody open them by a udev rule (MODE=\"0666\")", kfd))
	}
	if a.MapsUsers {
		all = append(all, fmt.Sprintf("it maps users (userns-remap): in containers the groups that own %s are others, so only device files that everybody may open work; set them to 0666 by a udev rule, or turn userns-remap off", kfd))
	}
	return all
}
