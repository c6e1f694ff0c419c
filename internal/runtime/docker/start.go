package docker

import (
	"context"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/aim-engine/aim"
	rules "github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/pause"
)

// Start starts the server, or finds it running with the same UID and token. A
// container that was created but not started is started; one that has ended is
// not started again: that is a Failure of class start, with its exit code.
func (r *Runtime) Start(ctx context.Context, launch aim.Launch) (aim.Server, error) {
	name := launch.Server()
	c, err := r.obtain(ctx, launch)
	if err != nil {
		return aim.Server{}, failure(err, "create container %s", name)
	}
	if s, ok := serverOf(c.Config.Labels); !ok || !s.Same(launch.Identity) {
		return aim.Server{}, aim.Failf(aim.ClassRefused, "the name of container %s belongs to another attempt or to somebody else", name).
			WithHint("stop and remove that container first: docker rm %s", name)
	}
	if c.State.Status == container.StateCreated {
		if err := r.api.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
			return inspected(c), startFailure(err, name)
		}
		if c, err = r.api.ContainerInspect(ctx, c.ID); err != nil {
			return aim.Server{}, failure(err, "inspect container %s", name)
		}
	}
	s := inspected(c)
	if !s.Running {
		return s, endedFailure(s)
	}
	return s, nil
}

// The daemon reserves a name some milliseconds before it can be asked for the
// container, so whoever meets the reservation asks again for a while.
const (
	nameTries = 100
	nameEvery = 50 * time.Millisecond
)

// obtain finds the container of this name or creates it. Of several callers one
// creates it; the others find it.
func (r *Runtime) obtain(ctx context.Context, launch aim.Launch) (container.InspectResponse, error) {
	name := launch.Server()
	for try := 1; ; try++ {
		c, err := r.api.ContainerInspect(ctx, name)
		if !cerrdefs.IsNotFound(err) {
			return c, err
		}
		err = r.create(ctx, launch)
		switch {
		case err == nil:
			continue
		case !cerrdefs.IsConflict(err) || try == nameTries:
			return c, err
		}
		if err := pause.For(ctx, nameEvery); err != nil {
			return c, err
		}
	}
}

// create creates the container; a name that is taken is a conflict.
func (r *Runtime) create(ctx context.Context, launch aim.Launch) error {
	groups, err := rules.DeviceGroups(launch, r.dev)
	if err != nil {
		return err
	}
	spec, err := rules.New(launch, rules.Node{DevRoot: r.dev, Groups: groups})
	if err != nil {
		return err
	}
	name := launch.Server()
	spec, err = r.handOver(ctx, spec, name)
	if err == nil {
		cfg, host := translate(spec, labelsOf(launch))
		_, err = r.api.ContainerCreate(ctx, cfg, host, nil, nil, name)
	}
	switch {
	case cerrdefs.IsNotFound(err):
		return aim.Failf(aim.ClassImage, "image %s is not on this node any more: %v", launch.Image, err).
			WithHint("pull it again: docker pull %s", launch.Image)
	case err == nil || cerrdefs.IsConflict(err):
		return err
	}
	return startFailure(err, name)
}

// startCauses tells classes by the words of the daemon and of runc; the API has
// one status code for all of them.
var startCauses = []struct {
	words string
	class aim.FailureClass
	hint  string
}{
	{"port is already allocated", aim.ClassPort, ""},
	{"address already in use", aim.ClassPort, ""},
	{"cannot assign requested address", aim.ClassInput, "set the node's --address to one of its own IP addresses"},
	{"error gathering device information", aim.ClassGPUFault, "check that the amdgpu driver is loaded"},
	{"no space left on device", aim.ClassDisk, "remove images that are not used: docker image prune"},
	{"executable file not found", aim.ClassStart, "the image does not hold the program"},
	{"exec format error", aim.ClassStart, "the image is for another processor"},
}

func startFailure(err error, name string) error {
	for _, cause := range startCauses {
		if strings.Contains(err.Error(), cause.words) {
			return aim.Failf(cause.class, "start container %s: %v", name, err).WithHint("%s", cause.hint)
		}
	}
	return failure(err, "start container %s", name)
}

func endedFailure(s aim.Server) *aim.Failure {
	if s.Exit == nil {
		return aim.Failf(aim.ClassStart, "container %s did not start", s.Name)
	}
	why := s.Exit.Message
	if why != "" {
		why = ": " + why
	}
	return aim.Failf(aim.ClassStart, "container %s has already ended with exit code %d%s", s.Name, s.Exit.Code, why)
}
