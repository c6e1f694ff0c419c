package docker

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/aim-engine/aim"
)

// Holder is a running container, ours or not, that has been given GPUs, or
// could have any.
type Holder struct {
	Name    string   // without Docker's leading slash
	ID      string   // of the container
	Image   string   // as it was asked for
	Ours    bool     // it carries our labels
	Renders []string // render nodes it was given, as renderD128, sorted
	All     bool     // it may use every GPU: privileged, the whole of /dev/dri, or devices chosen by a driver
}

// Holders lists the running containers that hold a GPU or could, by name. All
// is what a container may do, not what it does: agents for monitoring often run
// privileged and never open a GPU.
func (r *Runtime) Holders(ctx context.Context) ([]Holder, error) {
	list, err := r.api.ContainerList(ctx, container.ListOptions{})
	if err != nil {
		return nil, failure(err, "list containers")
	}
	var holders []Holder
	for _, found := range list {
		c, err := r.api.ContainerInspect(ctx, found.ID)
		if cerrdefs.IsNotFound(err) {
			continue // ended and removed since
		}
		if err != nil {
			return nil, failure(err, "inspect container %s", found.ID)
		}
		if h := r.holder(c); h.All || len(h.Renders) > 0 {
			holders = append(holders, h)
		}
	}
	slices.SortFunc(holders, func(a, b Holder) int { return strings.Compare(a.Name, b.Name) })
	return holders, nil
}

func (r *Runtime) holder(c container.InspectResponse) Holder {
	_, ours := serverOf(c.Config.Labels)
	h := Holder{Name: strings.TrimPrefix(c.Name, "/"), ID: c.ID, Image: c.Config.Image, Ours: ours}
	h.Renders, h.All = held(c.HostConfig, r.dev)
	return h
}

var renderPattern = aim.Pattern(`^renderD[0-9]+$`)

// held reads the ways in which a container can be given GPUs. A request to a
// device driver (CDI, the AMD container runtime) and a rule for the major number
// of DRM do not tell which ones, so they count as all.
func held(host *container.HostConfig, devRoot string) (renders []string, all bool) {
	all = host.Privileged || host.Runtime == "amd" || len(host.DeviceRequests) > 0 ||
		slices.ContainsFunc(host.DeviceCgroupRules, allowsDRM)
	for _, d := range host.Devices {
		path := d.PathOnHost
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target // /dev/dri/by-path/... are links
		}
		switch base := filepath.Base(path); {
		case renderPattern().MatchString(base):
			renders = append(renders, base)
		case path == devRoot, path == filepath.Join(devRoot, "dri"):
			all = true
		}
	}
	slices.Sort(renders)
	return slices.Compact(renders), all
}

// allowsDRM tells whether a cgroup rule ("c 226:* rwm") covers render nodes.
func allowsDRM(rule string) bool {
	fields := strings.Fields(rule)
	if len(fields) < 2 || (fields[0] != "c" && fields[0] != "a") {
		return false
	}
	major, _, _ := strings.Cut(fields[1], ":")
	return major == "*" || major == "226"
}

// Strangers are the holders that are not ours. A container that may use every GPU,
// as monitors do, is none until the driver says that it uses one.
func (r *Runtime) Strangers(ctx context.Context) ([]aim.Stranger, error) {
	holders, err := r.Holders(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for containers that hold GPUs: %w", err)
	}
	var all []aim.Stranger
	for _, h := range holders {
		if !h.Ours && len(h.Renders) > 0 {
			all = append(all, aim.Stranger{Who: fmt.Sprintf("container %s (%s)", h.Name, h.Image), Renders: h.Renders})
		}
	}
	return all, nil
}
