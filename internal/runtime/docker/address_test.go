package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

// contexts writes a folder of the docker command with one context.
func contexts(t *testing.T, current, name, host string) string {
	t.Helper()
	dir := t.TempDir()
	digest := sha256.Sum256([]byte(name))
	meta := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(digest[:]))
	for _, err := range []error{
		os.MkdirAll(meta, 0o755),
		os.WriteFile(filepath.Join(meta, "meta.json"), []byte(`{"Name":"`+name+`","Metadata":{},"Endpoints":{"docker":{"Host":"`+host+`","SkipTLSVerify":false}}}`), 0o600),
		os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"currentContext":"`+current+`"}`), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheDaemonIsTheOneOfTheDockerCommand(t *testing.T) {
	folder := contexts(t, "other", "other", "unix:///run/other.sock")
	for name, c := range map[string]struct {
		setting    string
		env        map[string]string
		host, says string
	}{
		"nothing":           {host: client.DefaultDockerHost},
		"the setting":       {setting: "unix:///a", env: map[string]string{"DOCKER_HOST": "unix:///b", "DOCKER_CONFIG": folder}, host: "unix:///a", says: "docker.host"},
		"DOCKER_HOST":       {env: map[string]string{"DOCKER_HOST": "unix:///b", "DOCKER_CONFIG": folder}, host: "unix:///b", says: "DOCKER_HOST"},
		"the context":       {env: map[string]string{"DOCKER_CONFIG": folder}, host: "unix:///run/other.sock", says: `context "other"`},
		"the named context": {env: map[string]string{"DOCKER_CONFIG": contexts(t, "", "x", "unix:///x"), "DOCKER_CONTEXT": "x"}, host: "unix:///x", says: `context "x"`},
		"the usual context": {env: map[string]string{"DOCKER_CONFIG": contexts(t, "default", "x", "unix:///x")}, host: client.DefaultDockerHost},
		"another folder":    {env: map[string]string{"DOCKER_CONFIG": t.TempDir()}, host: client.DefaultDockerHost},
		"loopback":          {setting: "tcp://127.0.0.1:2375", host: "tcp://127.0.0.1:2375"},
		"loopback by name":  {setting: "tcp://localhost:2376", host: "tcp://localhost:2376"},
	} {
		got, err := FindDaemon(c.setting, func(name string) string { return c.env[name] })
		if err != nil || got.Host != c.host || !strings.Contains(got.String(), c.says) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// A daemon of another machine would start servers there.
func TestTheDaemonOfAnotherMachineIsRefused(t *testing.T) {
	for _, host := range []string{"ssh://ops@gpu-host.example", "tcp://10.255.255.1:2375", "tcp://gpu-host.example:2376", "npipe:////./pipe/docker_engine", "https://192.0.2.1:1"} {
		_, err := New(settings.Node{DockerHost: host, Dir: t.TempDir()}, Options{})
		fail := aim.FailureOf(err)
		if fail == nil || fail.Class != aim.ClassRuntime || !strings.Contains(fail.Why, "another machine") || !strings.Contains(fail.Why, host) || fail.Hint == "" {
			t.Errorf("%s: %v", host, err)
		}
	}
	for name, env := range map[string]map[string]string{
		"a context elsewhere": {"DOCKER_CONFIG": contexts(t, "far", "far", "ssh://me@far")},
		"no such context":     {"DOCKER_CONFIG": contexts(t, "gone", "far", "ssh://me@far")},
		"no address":          {"DOCKER_HOST": "gpu-host"},
	} {
		if _, err := FindDaemon("", func(n string) string { return env[n] }); aim.FailureOf(err) == nil || aim.FailureOf(err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHintNamesTheContextThatWasLookedAt(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONTEXT", "")
	t.Setenv("DOCKER_CONFIG", contexts(t, "other", "other", "unix://"+filepath.Join(t.TempDir(), "nobody.sock")))
	rt, err := New(settings.Node{Dir: t.TempDir()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	fail := aim.FailureOf(rt.Check(t.Context()))
	if fail == nil || fail.Class != aim.ClassRuntime {
		t.Fatalf("%v", fail)
	}
	for _, says := range []string{"nobody.sock", `context "other"`, "DOCKER_HOST", client.DefaultDockerHost} {
		if !strings.Contains(fail.Text(), says) {
			t.Errorf("%s does not say %s", fail.Text(), says)
		}
	}
}

func TestWhatKeepsContainersFromTheGPUsIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		info system.Info
		says string
	}{
		"usual":    {system.Info{SecurityOptions: []string{"name=seccomp,profile=default"}, OSType: "linux"}, ""},
		"rootless": {system.Info{SecurityOptions: []string{"name=seccomp,profile=default", "name=rootless"}}, "it is rootless"},
		"userns":   {system.Info{SecurityOptions: []string{"name=userns"}}, "userns-remap"},
		"desktop":  {system.Info{OperatingSystem: "Docker Desktop", OSType: "linux"}, "virtual machine"},
		"windows":  {system.Info{OSType: "windows"}, "virtual machine"},
	} {
		got := strings.Join(aboutOf(c.info).Obstacles("/dev"), "; ")
		if (c.says == "") != (got == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
