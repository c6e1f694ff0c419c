package config_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/settings"
)

// clean gives the test a home of its own and no settings in the environment.
func clean(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		for _, prefix := range []string{"AIM_", "TEMPORAL_", "NATS_", "DOCKER_", "HF_", "XDG_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	return home
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestDefaultsStayOnLoopback(t *testing.T) {
	home := clean(t)
	s, err := config.Load(config.Options{})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:7233", s.Temporal.Address)
	require.Equal(t, "default", s.Temporal.Namespace)
	require.Equal(t, "nats://127.0.0.1:4222", s.NATS.URL)
	require.Equal(t, "127.0.0.1:9470", s.Control.Metrics)
	require.Equal(t, "127.0.0.1:9471", s.Node.Metrics)
	require.Equal(t, filepath.Join(home, ".local/state/aim"), s.Dir)
	require.Equal(t, filepath.Join(s.Dir, "node"), s.Node.Dir)
	require.Equal(t, slog.LevelInfo, s.LogLevel)
	require.Equal(t, "default", s.Source("nats.url"))
	require.False(t, s.Given("nats.url"))
	require.True(t, aim.IsLabel(s.Node.ID))
}

// Each source hides the ones below it, and the settings know which one won.
func TestPrecedence(t *testing.T) {
	clean(t)
	dir := t.TempDir()
	file := write(t, filepath.Join(t.TempDir(), "aim.yaml"), "dir: "+dir+"\n")
	withAddress := write(t, filepath.Join(t.TempDir(), "aim.yaml"), "dir: "+dir+"\ntemporal:\n  address: file:1\n")
	require.NoError(t, config.Stack{TemporalAddress: "stack:1", NATSURL: "nats://stack:1"}.Write(dir))

	address := func(o config.Options) (value, source string) {
		t.Helper()
		s, err := config.Load(o)
		require.NoError(t, err)
		return s.Temporal.Address, s.Source("temporal.address")
	}
	check := func(o config.Options, wantValue, wantSource string) {
		t.Helper()
		value, source := address(o)
		require.Equal(t, wantValue, value)
		require.Equal(t, wantSource, source)
	}
	check(config.Options{File: file}, "stack:1", "aim up")
	check(config.Options{File: withAddress}, "file:1", withAddress)
	t.Setenv("TEMPORAL_ADDRESS", "usual:1")
	check(config.Options{File: withAddress}, "usual:1", "TEMPORAL_ADDRESS")
	t.Setenv("AIM_TEMPORAL_ADDRESS", "own:1")
	check(config.Options{File: withAddress}, "own:1", "AIM_TEMPORAL_ADDRESS")
	flag := map[string]config.Flag{"temporal.address": {Name: "--temporal-address", Value: "flag:1"}}
	check(config.Options{File: withAddress, Flags: flag}, "flag:1", "--temporal-address")
}

func TestUsualNames(t *testing.T) {
	clean(t)
	for name, value := range map[string]string{
		"TEMPORAL_NAMESPACE": "prod", "NATS_URL": "tls://nats:4222", "DOCKER_HOST": "unix:///run/d.sock",
		"HF_HOME": "/models", "HF_ENDPOINT": "https://hub.example", "HF_HUB_OFFLINE": "1",
	} {
		t.Setenv(name, value)
	}
	s, err := config.Load(config.Options{})
	require.NoError(t, err)
	require.Equal(t, "prod", s.Temporal.Namespace)
	require.Equal(t, "tls://nats:4222", s.NATS.URL)
	require.Equal(t, "unix:///run/d.sock", s.Node.DockerHost)
	require.Equal(t, "/models", s.Node.Cache)
	require.Equal(t, "https://hub.example", s.Node.HubEndpoint)
	require.True(t, s.Node.HubOffline)
}

func TestListsAndTables(t *testing.T) {
	clean(t)
	file := write(t, filepath.Join(t.TempDir(), "node.yaml"), `
log_level: debug
node:
  id: n1
  labels: [Rack=r1, zone=b]
  commands:
    vllm: [/opt/a b/aim, simulate, vllm, --root, /r, --]
  registries: [docker.io/rocm]
  grace: 5s
  ports: 100-200
`)
	s, err := config.Load(config.Options{File: file})
	require.NoError(t, err)
	require.Equal(t, slog.LevelDebug, s.LogLevel)
	require.Equal(t, map[string]string{"Rack": "r1", "zone": "b"}, s.Node.Labels)
	require.Equal(t, []string{"/opt/a b/aim", "simulate", "vllm", "--root", "/r", "--"}, s.Node.Commands["vllm"])
	require.Equal(t, []string{"docker.io/rocm"}, s.Node.Registries)
	require.Equal(t, 5*time.Second, s.Node.Grace)
	require.Equal(t, settings.Ports{First: 100, Last: 200}, s.Node.Ports)

	t.Setenv("AIM_NODE_LABELS", "a=1,B=2")
	t.Setenv("AIM_NODE_COMMANDS", "vllm=/usr/bin/vllm serve")
	s, err = config.Load(config.Options{File: file})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "1", "B": "2"}, s.Node.Labels)
	require.Equal(t, []string{"/usr/bin/vllm", "serve"}, s.Node.Commands["vllm"])
}

// A bad value is refused with the setting, the value and where it came from.
func TestBadValues(t *testing.T) {
	for _, c := range []struct {
		name, env, value string
		want             []string
	}{
		{"ports", "AIM_NODE_PORTS", "80k", []string{"node.ports", `"80k"`, "AIM_NODE_PORTS", "range of ports"}},
		{"port order", "AIM_NODE_PORTS", "2000-1000", []string{"node.ports", "range of ports"}},
		{"port too large", "AIM_NODE_PORTS", "1-70000", []string{"node.ports", "range of ports"}},
		{"choice", "AIM_OUTPUT", "jsn", []string{"output", `did you mean "json"?`}},
		{"duration", "AIM_NODE_RESCAN", "soon", []string{"node.rescan", "duration"}},
		{"zero duration", "AIM_NODE_RESCAN", "0s", []string{"node.rescan", "longer"}},
		{"level", "AIM_LOG_LEVEL", "loud", []string{"log_level", "debug, info, warn, error"}},
		{"address", "TEMPORAL_ADDRESS", "temporal", []string{"temporal.address", "TEMPORAL_ADDRESS", "host:port"}},
		{"nats", "NATS_URL", "localhost", []string{"nats.url", "nats://host:4222"}},
		{"hub", "HF_ENDPOINT", "hub.example", []string{"node.hub_endpoint", "http"}},
		{"secret by value", "AIM_NODE_HUB_TOKEN", "hf_abc", []string{"node.hub_token", "by reference"}},
		{"label", "AIM_NODE_ID", "My Node", []string{"node.id", `try "my-node"`}},
		{"pair", "AIM_NODE_LABELS", "rack", []string{"node.labels", "name=value"}},
		{"backend", "AIM_NODE_COMMANDS", "llama=/bin/x", []string{"node.commands", "no backend"}},
		{"ip", "AIM_NODE_ADDRESS", "n1.local", []string{"node.address", "IP address"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clean(t)
			t.Setenv(c.env, c.value)
			_, err := config.Load(config.Options{})
			require.Error(t, err)
			for _, part := range c.want {
				require.ErrorContains(t, err, part)
			}
			require.Equal(t, aim.ClassInput, aim.FailureOf(err).Class)
		})
	}
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"unknown setting", "tempral:\n  address: a:1\n", "setting tempral.address"},
		{"unknown setting, near", "node:\n  adress: 10.0.0.1\n", "did you mean node.address?"},
		{"table for a value", "node: 5\n", "setting node"},
		{"list for a value", "nats:\n  url: [a, b]\n", "must be one value"},
		{"table for pairs", "node:\n  labels:\n    Rack: r1\n", "not a list of name=value"},
		{"no YAML", "a: [", "read configuration file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clean(t)
			file := write(t, filepath.Join(t.TempDir(), "aim.yaml"), c.content)
			_, err := config.Load(config.Options{File: file})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, file)
			require.Equal(t, aim.ClassInput, aim.FailureOf(err).Class)
		})
	}
}

func TestNamedFileMustExist(t *testing.T) {
	clean(t)
	_, err := config.Load(config.Options{File: "/nowhere/aim.yaml"})
	require.ErrorContains(t, err, "/nowhere/aim.yaml")
}

func TestUsersFileIsFound(t *testing.T) {
	home := clean(t)
	write(t, filepath.Join(home, ".config/aim/aim.yaml"), "output: json\n")
	s, err := config.Load(config.Options{})
	require.NoError(t, err)
	require.Equal(t, "json", s.Output)
	require.Equal(t, filepath.Join(home, ".config/aim/aim.yaml"), s.Source("output"))
	require.Equal(t, s.Source("output"), config.Files()[0])
}

func TestStackSurvivesARoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := config.Stack{PID: 7, Ready: true, TemporalAddress: "a:1", Nodes: []config.StackNode{{ID: "n1", Simulated: true}}}
	require.NoError(t, want.Write(dir))
	got, err := config.ReadStack(dir)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = config.ReadStack(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSecrets(t *testing.T) {
	t.Setenv("TOKEN", "t1")
	file := write(t, filepath.Join(t.TempDir(), "token"), "t2\n")
	for ref, want := range map[string]string{"": "", "env:TOKEN": "t1", "env:NOT_SET": "", "file:" + file: "t2"} {
		got, err := settings.Secret(ref)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := settings.Secret("t1")
	require.ErrorContains(t, err, "by reference")
	_, err = settings.Secret("file:/nowhere/token")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A process with settings of its own gets none from the environment, and
// everything else.
func TestEnviron(t *testing.T) {
	got := config.Environ([]string{
		"PATH=/bin", "HOME=/root", "AIM_NODE_ID=n1", "AIM_CONFIG=/x", "TEMPORAL_ADDRESS=a:1", "HF_HOME=/m", "NATS_URL=n", "AIM_SIMULATE=oom",
	})
	require.Equal(t, []string{"PATH=/bin", "HOME=/root", "AIM_SIMULATE=oom"}, got)
}

// A folder that another user has started `aim up` in is not the same as none.
func TestAStackThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	s, err := config.Load(config.Options{Flags: map[string]config.Flag{"dir": {Name: "--dir", Value: dir}}})
	require.NoError(t, err)
	require.NoError(t, s.Unread(), "nothing was started there")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "up.json"), 0o700)) // root may read every file
	s, err = config.Load(config.Options{Flags: map[string]config.Flag{"dir": {Name: "--dir", Value: dir}}})
	require.NoError(t, err)
	require.ErrorContains(t, s.Unread(), "read the state of aim up")
}
