package docker

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sys/unix"
)

// Find returns the server of this identity, running or ended.
func (r *Runtime) Find(ctx context.Context, id aim.Identity) (aim.Server, bool, error) {
	c, ok, err := r.find(ctx, id)
	if err != nil || !ok {
		return aim.Server{}, false, err
	}
	return inspected(c), true, nil
}

// find looks by label: a name may belong to another attempt.
func (r *Runtime) find(ctx context.Context, id aim.Identity) (container.InspectResponse, bool, error) {
	var none container.InspectResponse
	list, err := r.api.ContainerList(ctx, container.ListOptions{All: true, Filters: of(id)})
	if err != nil {
		return none, false, failure(err, "look for container %s", id.Server())
	}
	for _, found := range list {
		c, err := r.api.ContainerInspect(ctx, found.ID)
		if cerrdefs.IsNotFound(err) {
			continue // removed since
		}
		if err != nil {
			return none, false, failure(err, "inspect container %s", id.Server())
		}
		return c, true, nil
	}
	return none, false, nil
}

// List returns every server of ours on this node, running or ended, by name.
func (r *Runtime) List(ctx context.Context) ([]aim.Server, error) {
	list, err := r.api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours()})
	if err != nil {
		return nil, failure(err, "list containers")
	}
	var servers []aim.Server
	for _, found := range list {
		if _, ok := serverOf(found.Labels); !ok {
			continue
		}
		c, err := r.api.ContainerInspect(ctx, found.ID)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, failure(err, "inspect container %s", found.ID)
		}
		servers = append(servers, inspected(c))
	}
	slices.SortFunc(servers, func(a, b aim.Server) int { return strings.Compare(a.Name, b.Name) })
	return servers, nil
}

// inspected is a container in the words of the runtime port. One that has been
// created but not started has neither ended nor is it running.
func inspected(c container.InspectResponse) aim.Server {
	s, _ := serverOf(c.Config.Labels)
	s.ID, s.Image = c.ID, c.Config.Image
	// The zero time of the daemon is the zero time here too.
	s.Started, _ = time.Parse(time.RFC3339Nano, c.State.StartedAt)
	switch c.State.Status {
	case container.StateCreated:
	case container.StateExited, container.StateDead, container.StateRemoving:
		exit := exitOf(*c.State)
		s.Exit = &exit
	default: // running, paused, restarting
		s.Running = true
	}
	return s
}

// exitOf names the signal behind a code above 128, as shells count.
func exitOf(state container.State) aim.Exit {
	exit := aim.Exit{Code: state.ExitCode, OOM: state.OOMKilled, Message: state.Error}
	if exit.Message == "" && exit.OOM {
		exit.Message = "killed: its memory limit was reached"
	}
	if name := unix.SignalName(syscall.Signal(exit.Code - 128)); exit.Message == "" && exit.Code > 128 && name != "" {
		exit.Message = "ended by " + name
	}
	return exit
}
