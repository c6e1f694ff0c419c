package docker

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
)

const canary = "canary-7b1e"

// Whatever user the image or the level chooses, the server has the secret in its
// environment, whoever asks the daemon does not see it, and nothing is left of
// it once the server is removed.
func TestSecretsReachTheServerAlone(t *testing.T) {
	d := newDaemon(t)
	d.opts.SecretDir = filepath.Join(t.TempDir(), "secrets")
	for _, level := range []aim.ContainerLevel{aim.LevelStrict, aim.LevelCompat, aim.LevelVendor} {
		for name, entrypoint := range map[string][]string{"the image's entrypoint": nil, "another entrypoint": {"/tiny"}} {
			t.Run(string(level)+", "+name, func(t *testing.T) {
				launch := d.subject().Launch(t)
				launch.Level, launch.Entrypoint = level, entrypoint
				launch.Env = map[string]string{"TINY_KEY": "shadowed"}
				launch.SecretEnv = map[string]string{"TINY_KEY": canary + "\nsecond line"}
				rt, about := d.run(t, launch)
				if !slices.Contains(about.Env, "TINY_KEY="+canary+"\nsecond line") || about.PID != 1 {
					t.Errorf("pid %d, environment %q", about.PID, about.Env)
				}
				checkInspect(t, rt, launch)
				checkModes(t, rt.secretsOf(launch.Server()))
				if err := rt.Stop(t.Context(), launch.Identity, 0); err != nil {
					t.Fatal(err)
				}
				if err := rt.Remove(t.Context(), launch.Identity); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(rt.secretsOf(launch.Server())); !os.IsNotExist(err) {
					t.Errorf("secrets of a server that was removed: %v", err)
				}
			})
		}
	}
}

func checkInspect(t *testing.T, rt *Runtime, launch aim.Launch) {
	t.Helper()
	c, err := rt.api.ContainerInspect(t.Context(), launch.Server())
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(c); strings.Contains(string(text), canary) {
		t.Errorf("docker inspect shows the secret: %s", text)
	}
}

// checkModes: nobody but the agent's user gets to the files, and where they can
// be given to the server's user they are that user's alone.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder above the secrets: %v, %v", info, err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		if info, err := e.Info(); err != nil || os.Geteuid() == 0 && info.Mode().Perm() != 0o400 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil || files != 1 {
		t.Errorf("%d files, %v", files, err)
	}
}

// Without secrets nothing stands between the daemon and the server.
func TestNoSecretsNoWrapper(t *testing.T) {
	d := newDaemon(t)
	launch := d.subject().Launch(t)
	rt, _ := d.run(t, launch)
	c, err := rt.api.ContainerInspect(t.Context(), launch.Server())
	if err != nil || c.Path != "/tiny" || len(c.Mounts) != 0 {
		t.Errorf("%s %v, mounts %v, %v", c.Path, c.Args, c.Mounts, err)
	}
}

func TestAProgramWithALoaderHandsNothingOver(t *testing.T) {
	for _, program := range []string{"/bin/sh", "/usr/bin/env"} {
		if err := isStatic(program); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
			t.Errorf("%s: %v", program, err)
		}
	}
	if err := isStatic(runtimetest.BuildTiny(t)); err != nil {
		t.Error(err)
	}
}
