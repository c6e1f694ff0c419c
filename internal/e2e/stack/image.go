package stack

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// standInDockerfile makes an image of the program alone: `vllm serve` as far as
// its clients can tell.
const standInDockerfile = `FROM scratch
COPY aim /aim
ENTRYPOINT ["/aim", "simulate", "vllm", "--"]
`

// BuildStandIn builds the image of the stand-in server from the binary in bin,
// and returns its name. dir takes the build's context.
func BuildStandIn(ctx context.Context, bin, dir string) (string, error) {
	image := fmt.Sprintf("aim-standin:%d", os.Getpid())
	build := filepath.Join(dir, "image")
	if err := os.MkdirAll(build, 0o755); err != nil {
		return "", err
	}
	if err := copyFile(filepath.Join(bin, "aim"), filepath.Join(build, "aim")); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(build, "Dockerfile"), []byte(standInDockerfile), 0o644); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "docker", "build", "-q", "-t", image, build)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // Engine 20.10 has the classic builder only without a plugin
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the stand-in image: %w: %s", err, out)
	}
	return image, nil
}

// RemoveImage deletes an image that BuildStandIn has made.
func RemoveImage(ctx context.Context, image string) error {
	return exec.CommandContext(ctx, "docker", "rmi", "-f", image).Run()
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
