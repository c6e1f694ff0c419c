package docker

import (
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"github.com/aim-engine/aim"
	rules "github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
)

var exampleNode = rules.Node{DevRoot: "/dev", Groups: []int{44, 992}}

func spec(t *testing.T, l aim.Launch) (*container.Config, *container.HostConfig) {
	t.Helper()
	s, err := rules.New(l, exampleNode)
	if err != nil {
		t.Fatal(err)
	}
	return translate(s, labelsOf(l))
}

func TestSpecGivesWhatTheLaunchAsksFor(t *testing.T) {
	cfg, host := spec(t, runtimetest.ExampleLaunch())
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"entrypoint", []string(cfg.Entrypoint), []string{"vllm", "serve"}},
		{"command", []string(cfg.Cmd), []string{"Qwen/Qwen3-32B", "--port", "8000"}},
		{"devices", host.Devices, []container.DeviceMapping{
			{PathOnHost: "/dev/kfd", PathInContainer: "/dev/kfd", CgroupPermissions: "rw"},
			{PathOnHost: "/dev/dri/renderD136", PathInContainer: "/dev/dri/renderD136", CgroupPermissions: "rw"},
			{PathOnHost: "/dev/dri/renderD128", PathInContainer: "/dev/dri/renderD128", CgroupPermissions: "rw"},
		}},
		{"groups", host.GroupAdd, []string{"44", "992"}},
		{"mounts", host.Mounts, []mount.Mount{{
			Type: mount.TypeBind, Source: "/srv/hf", Target: "/models", ReadOnly: true,
			BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate},
		}}},
		{"ports", host.PortBindings, nat.PortMap{"8000/tcp": {{HostIP: "10.0.0.5", HostPort: "20001"}}}},
		{"shm", host.ShmSize, int64(16 << 30)},
		{"memory", []int64{host.Memory, host.MemorySwap}, []int64{64 << 30, 64 << 30}},
		{"cpus", host.NanoCPUs, int64(16e9)},
		{"pids", *host.PidsLimit, int64(4096)},
		{"restart", host.RestartPolicy.Name, container.RestartPolicyDisabled},
		{"log", host.LogConfig, container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "50m", "max-file": "3"}}},
		{"auto remove", host.AutoRemove, false},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	for _, pair := range []string{"HOME=/cache", "TRITON_CACHE_DIR=/tmp/.triton", "VLLM_ROCM_USE_AITER=1"} {
		if !slices.Contains(cfg.Env, pair) {
			t.Errorf("environment lacks %s: %q", pair, cfg.Env)
		}
	}
	if !slices.IsSorted(cfg.Env) {
		t.Errorf("environment is not in order: %q", cfg.Env)
	}
	if text, _ := json.Marshal([]any{cfg, host}); strings.Contains(string(text), "canary") {
		t.Errorf("the secret can be inspected: %s", text)
	}
}

func TestSpecLevels(t *testing.T) {
	type closed struct {
		user         string
		readOnly     bool
		capDrop, sec []string
		tmpfs        bool
		home         bool
	}
	for level, want := range map[aim.ContainerLevel]closed{
		aim.LevelStrict: {"65532:65532", true, []string{"ALL"}, []string{"no-new-privileges"}, true, true},
		aim.LevelCompat: {"", false, []string{"ALL"}, []string{"no-new-privileges"}, false, false},
		aim.LevelVendor: {"", false, nil, []string{"no-new-privileges", "seccomp=unconfined"}, false, false},
	} {
		l := runtimetest.ExampleLaunch()
		l.Level, l.Env = level, nil
		cfg, host := spec(t, l)
		got := closed{
			cfg.User, host.ReadonlyRootfs, host.CapDrop, host.SecurityOpt,
			host.Tmpfs["/tmp"] != "", slices.Contains(cfg.Env, "HOME=/tmp"),
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", level, got, want)
		}
	}
}

// Nothing that a launch holds reaches a way out of the container.
func FuzzSpec(f *testing.F) {
	example, err := json.Marshal(runtimetest.ExampleLaunch())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example, "/dev", "KEY", "value")
	f.Add([]byte(`{"address":"127.0.0.1","port":1,"level":"vendor","image":"a","mounts":[{"source":"/..","target":"/x"}]}`), "/dev", "", "")
	f.Add([]byte(`{"address":"::1","port":1,"level":"compat","image":"a","gpus":[{"render_minor":128}],"env":{"A":"b"}}`), "/d", "A", "b")
	f.Fuzz(func(t *testing.T, text []byte, devRoot, name, secret string) {
		var l aim.Launch
		if json.Unmarshal(text, &l) != nil {
			return
		}
		l.SecretEnv = map[string]string{name: secret}
		spec, err := rules.New(l, rules.Node{DevRoot: devRoot, Groups: []int{44}})
		if err != nil {
			if fail := aim.FailureOf(err); fail.Class == aim.ClassInternal {
				t.Errorf("unclassed: %v", err)
			}
			return
		}
		cfg, host := translate(spec, labelsOf(l))
		checkClosed(t, host)
		checkDevices(t, l, devRoot, host)
		checkMounts(t, l, host)
		if len(host.PortBindings) != 1 || len(host.PortBindings[exposed]) != 1 {
			t.Errorf("ports %v", host.PortBindings)
		}
		if l.Level == aim.LevelStrict && (cfg.User != rules.StrictUser || !host.ReadonlyRootfs) {
			t.Errorf("strict, but user %q, read-only %v", cfg.User, host.ReadonlyRootfs)
		}
	})
}

func checkClosed(t *testing.T, host *container.HostConfig) {
	t.Helper()
	open := host.Privileged || host.PidMode != "" || host.UTSMode != "" || host.UsernsMode != "" || host.CgroupnsMode != "" ||
		host.NetworkMode != "bridge" || host.IpcMode != "private" || host.PublishAllPorts || host.Runtime != "" ||
		len(host.CapAdd) > 0 || len(host.Binds) > 0 || len(host.VolumesFrom) > 0 || len(host.DeviceRequests) > 0 ||
		len(host.DeviceCgroupRules) > 0 || len(host.Sysctls) > 0 || host.CgroupParent != "" ||
		host.MaskedPaths != nil || host.ReadonlyPaths != nil
	if open || !slices.Contains(host.SecurityOpt, "no-new-privileges") || *host.PidsLimit != 4096 {
		t.Errorf("too open: %+v", host)
	}
}

func checkDevices(t *testing.T, l aim.Launch, devRoot string, host *container.HostConfig) {
	t.Helper()
	allowed := []string{path.Join(devRoot, "kfd")}
	for _, g := range l.GPUs {
		allowed = append(allowed, path.Join(devRoot, g.Render()))
	}
	for _, d := range host.Devices {
		base := path.Base(d.PathInContainer)
		if !slices.Contains(allowed, d.PathOnHost) || path.Base(d.PathOnHost) != base || d.CgroupPermissions != "rw" ||
			(base != "kfd" && !renderPattern().MatchString(base)) {
			t.Errorf("device %+v", d)
		}
	}
}

func checkMounts(t *testing.T, l aim.Launch, host *container.HostConfig) {
	t.Helper()
	for i, m := range host.Mounts {
		if m.Type != mount.TypeBind || m.Source != l.Mounts[i].Source || m.ReadOnly != l.Mounts[i].ReadOnly ||
			path.Clean(m.Source) != m.Source || m.Source == "/" || strings.HasPrefix(m.Source+"/", "/dev/") {
			t.Errorf("mount %+v", m)
		}
	}
	if len(host.Mounts) != len(l.Mounts) || len(host.Tmpfs) > 1 {
		t.Errorf("mounts %v, tmpfs %v", host.Mounts, host.Tmpfs)
	}
}

func TestLabelsAreReadBack(t *testing.T) {
	l := runtimetest.ExampleLaunch()
	got, ok := serverOf(labelsOf(l))
	want := aim.Server{
		Identity: l.Identity, Runtime: Name, Name: l.Server(), Backend: "vllm", Model: "Qwen/Qwen3-32B", Task: "chat",
		GPUs: []string{"GPU-00000000000000b1", "GPU-00000000000000a0/3"}, Address: "10.0.0.5", Port: 20001, Level: aim.LevelStrict,
	}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %+v", ok, got)
	}
	for name, labels := range map[string]map[string]string{
		"none":         nil,
		"no token":     {labelUID: "u"},
		"no numbers":   {labelUID: "u", labelToken: "t"},
		"not a number": {labelUID: "u", labelToken: "t", labelOrdinal: "x", labelRank: "0", labelAttempt: "1", labelPort: "1"},
	} {
		if s, ok := serverOf(labels); ok {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
