package docker

import (
	"context"
	"math"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/pause"
)

// reconnectEvery is how often a wait asks for a daemon that does not answer. A
// restart of dockerd takes some seconds.
const reconnectEvery = time.Second

// Wait returns when the server has ended, or with ctx's error. A daemon that
// does not answer is no end: containers may outlive it, so Wait asks again until
// it does. A container that is not there, or was never started, has ended with
// code -1.
func (r *Runtime) Wait(ctx context.Context, id aim.Identity) (aim.Exit, error) {
	for {
		c, ok, err := r.find(ctx, id)
		switch {
		case ctx.Err() != nil:
			return aim.Exit{}, ctx.Err()
		case err != nil:
			if err := pause.For(ctx, reconnectEvery); err != nil {
				return aim.Exit{}, err
			}
			continue
		case !ok:
			return aim.Exit{Code: -1, Message: "there is no such container"}, nil
		}
		s := inspected(c)
		if s.Exit != nil {
			return *s.Exit, nil
		}
		if !s.Running {
			return aim.Exit{Code: -1, Message: "it was never started"}, nil
		}
		if !r.untilNotRunning(ctx, c.ID) {
			// Not while the daemon goes down: each try would fail at once.
			if err := pause.For(ctx, reconnectEvery); err != nil {
				return aim.Exit{}, err
			}
		}
	}
}

// untilNotRunning blocks until the container does not run, or nothing more can
// be learned from this connection. What happened is then read by inspection.
func (r *Runtime) untilNotRunning(ctx context.Context, id string) (ended bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results, errs := r.api.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case result := <-results:
		return result.Error == nil
	case <-errs:
		return false
	case <-ctx.Done():
		return false
	}
}

// Stop has the daemon send SIGTERM and, after grace, SIGKILL, and returns when
// the container's processes are gone. The container is kept for its log.
func (r *Runtime) Stop(ctx context.Context, id aim.Identity, grace time.Duration) error {
	c, ok, err := r.find(ctx, id)
	if err != nil || !ok || !inspected(c).Running {
		return err
	}
	seconds := int(math.Ceil(max(grace, 0).Seconds())) // the API counts whole ones
	err = r.api.ContainerStop(ctx, c.ID, container.StopOptions{Timeout: &seconds})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return failure(err, "stop container %s", id.Server())
	}
	// A container whose process hangs in the kernel may still be there.
	_, err = r.Wait(ctx, id)
	return failure(err, "stop container %s", id.Server())
}

// Remove saves the log of an ended server and removes its container, with its
// anonymous volumes. A server that runs is an error; no such server is none.
func (r *Runtime) Remove(ctx context.Context, id aim.Identity) error {
	c, ok, err := r.find(ctx, id)
	if err != nil || !ok {
		return err
	}
	if inspected(c).Running {
		return aim.Failf(aim.ClassRuntime, "container %s still runs and cannot be removed", id.Server()).
			WithHint("stop it first")
	}
	if err := r.saveLog(ctx, c.ID, id); err != nil {
		return failure(err, "save the log of container %s", id.Server())
	}
	err = r.api.ContainerRemove(ctx, c.ID, container.RemoveOptions{RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) && !(cerrdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress")) {
		return failure(err, "remove container %s", id.Server())
	}
	return r.forget(id.Server())
}
