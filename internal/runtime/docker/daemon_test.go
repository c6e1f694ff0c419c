package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/image"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
	"github.com/aim-engine/aim/internal/settings"
)

// daemon is the real Docker daemon with an image that holds tiny alone.
type daemon struct {
	cfg   settings.Node
	opts  Options
	image string
}

// newDaemon skips the test where no daemon answers, unless AIM_REQUIRE_DOCKER=1
// says that one has to.
func newDaemon(t *testing.T) daemon {
	t.Helper()
	d := daemon{cfg: settings.Node{Dir: t.TempDir()}, opts: Options{DockerConfig: filepath.Join(t.TempDir(), "none.json")}}
	rt := d.open(t)
	if err := rt.Check(t.Context()); err != nil {
		if os.Getenv("AIM_REQUIRE_DOCKER") == "1" {
			t.Fatalf("AIM_REQUIRE_DOCKER=1: %v", err)
		}
		t.Skipf("no Docker daemon: %v", err)
	}
	d.image = fmt.Sprintf("aim-test/tiny:%d-%d", os.Getpid(), runtimetest.FreePort(t))
	d.opts.Self = runtimetest.BuildTiny(t)
	source := image.ImportSource{Source: layer(t, d.opts.Self), SourceName: "-"}
	answer, err := rt.api.ImageImport(t.Context(), source, d.image, image.ImportOptions{Changes: []string{`ENTRYPOINT ["/tiny"]`}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if _, err := io.Copy(io.Discard, answer); err != nil {
		t.Fatal(err)
	}
	made, err := rt.api.ImageInspect(t.Context(), d.image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeImage(t, rt, made.ID) })
	return d
}

func removeImage(t *testing.T, rt *Runtime, id string) {
	t.Helper()
	if _, err := rt.api.ImageRemove(context.Background(), id, image.RemoveOptions{Force: true, PruneChildren: true}); err != nil {
		t.Errorf("clean up: %v", err)
	}
}

func (d daemon) open(t *testing.T) *Runtime {
	t.Helper()
	rt, err := New(d.cfg, d.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	return rt
}

func (d daemon) subject() runtimetest.Subject {
	return runtimetest.Subject{Image: d.image, Open: func(t *testing.T) runtimetest.Runtime { return d.open(t) }}
}

// run starts a launch and returns the runtime, once the server answers.
func (d daemon) run(t *testing.T, launch aim.Launch) (*Runtime, runtimetest.About) {
	t.Helper()
	rt := d.open(t)
	if _, err := rt.Start(t.Context(), launch); err != nil {
		t.Fatal(err)
	}
	return rt, runtimetest.Ask(t, launch)
}

// layer is a tar with the program as /tiny and an empty /tmp.
func layer(t *testing.T, program string) io.Reader {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	w.WriteHeader(&tar.Header{Name: "tiny", Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg})
	w.Write(text)
	w.WriteHeader(&tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestContract(t *testing.T) {
	d := newDaemon(t)
	runtimetest.Run(t, func(*testing.T) runtimetest.Subject { return d.subject() })
}
