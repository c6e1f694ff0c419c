package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// startsIn is how long the stand-in takes to be up, on both sides.
const startsIn = "AIM_SIMULATE=ready=2s"

// benchDocker compares Apply to Ready with `docker run` and polling of the same
// image, alternating.
func benchDocker(ctx context.Context, b *bench) error {
	const rounds, warm = 5, 1
	image, err := stack.BuildStandIn(ctx, b.bin, b.dir)
	if err != nil {
		return err
	}
	defer stack.RemoveImage(context.WithoutCancel(ctx), image)
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "docker"), Simulate: "1x1"})
	if err != nil {
		return err
	}
	defer s.Down(ctx)
	node, err := s.StartAgent(ctx, "dock", 8, "docker", "19500-19599")
	if err != nil {
		return err
	}
	defer node.Stop()
	var ours, plain []time.Duration
	for i := range warm + rounds {
		a, err := realEngine(s).once(ctx, aim.DeploymentSpec{
			Model: model, Name: fmt.Sprintf("docker-%d", i), Image: image,
			Selector: map[string]string{"node": node.ID}, Env: map[string]string{"AIM_SIMULATE": "ready=2s"},
		})
		if err != nil {
			return err
		}
		p, err := dockerRun(ctx, image, 19700+i)
		if err != nil {
			return err
		}
		if i >= warm {
			ours, plain = append(ours, a), append(plain, p)
		}
	}
	note("Apply to Ready in Docker: %.0f ms; docker run and polling: %.0f ms (medians of %d)", ms(median(ours)), ms(median(plain)), rounds)
	tell("deploy_vs_docker_ratio", ms(median(ours))/ms(median(plain)), "ratio", 1.3)
	return nil
}

// dockerRun starts the image by hand and asks every 50 ms until it is healthy.
func dockerRun(ctx context.Context, image string, port int) (time.Duration, error) {
	began := time.Now()
	out, err := exec.CommandContext(ctx, "docker", "run", "-d", "-e", startsIn, "-p", fmt.Sprintf("127.0.0.1:%d:8000", port),
		image, model, "--host", "0.0.0.0", "--port", "8000").Output()
	if err != nil {
		return 0, fmt.Errorf("docker run %s: %w", image, err)
	}
	id := strings.TrimSpace(string(out))
	defer exec.CommandContext(context.WithoutCancel(ctx), "docker", "rm", "-f", id).Run()
	for {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health", port))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
