package render_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/cmd/aim/internal/render"
	"github.com/aim-engine/aim/internal/container"
)

// example is one with everything that a launch may have.
func example(t *testing.T, level aim.ContainerLevel) render.Container {
	t.Helper()
	minor := func(n int) *int { return &n }
	l := aim.Launch{
		Image: "rocm/vllm:rocm7.0_vllm_0.16.0", Entrypoint: []string{"vllm", "serve"},
		Args:      []string{"Qwen/Qwen3-32B", "--served-model-name", "chat", "--host", "0.0.0.0", "--port", "8000", "--hf-overrides", `{"rope":"50% of $x's"}`, "--enforce-eager"},
		Env:       map[string]string{"HF_HOME": "/var/lib/aim/hf", "GREETING": "it's $5"},
		SecretEnv: map[string]string{"HF_TOKEN": ""},
		GPUs:      []aim.GPU{{ID: "a", RenderMinor: minor(128)}, {ID: "b", RenderMinor: minor(136)}},
		Address:   "10.0.0.5", Port: 18000, Level: level,
		Resources: aim.Resources{CPUs: 8, HostBytes: 32 << 30, ShmBytes: 16 << 30},
		Mounts:    []aim.Mount{{Source: "/var/lib/aim/hf", Target: "/var/lib/aim/hf", ReadOnly: true}},
	}
	spec, err := container.New(l, container.Node{DevRoot: "/dev", Groups: []int{44, 992}})
	if err != nil {
		t.Fatal(err)
	}
	return render.Container{Name: "chat", Image: l.Image, Entrypoint: l.Entrypoint, Args: l.Args, Flags: render.Flags(spec), Comment: []string{"rung 1"}}
}

func TestGoldens(t *testing.T) {
	for _, level := range []aim.ContainerLevel{aim.LevelCompat, aim.LevelStrict} {
		c := example(t, level)
		clitest.Golden(t, string(level)+".sh", render.Docker(c))
		clitest.Golden(t, string(level)+".service", render.Systemd(c))
		text, err := render.Compose(c)
		if err != nil {
			t.Fatal(err)
		}
		clitest.Golden(t, string(level)+".yaml", text)
	}
}

// A shell hands docker exactly the words of the launch, whatever they hold.
func TestDockerIsACommandForAShell(t *testing.T) {
	c := example(t, aim.LevelStrict)
	script := "docker() { printf '%s\\n' \"$@\"; }\n" + render.Docker(c)
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	image := -1
	for i, w := range words {
		if w == c.Image {
			image = i
		}
	}
	want := append([]string{"serve"}, c.Args...)
	if image < 0 || strings.Join(words[image+1:], "\n") != strings.Join(want, "\n") {
		t.Errorf("after the image stand %q, want %q", words[image+1:], want)
	}
	if got := string(out); !strings.Contains(got, "GREETING=it's $5\n") || !strings.Contains(got, "\nHF_TOKEN\n") {
		t.Errorf("the environment is not what it was:\n%s", got)
	}
}

// What compose makes of the file, once its variables are resolved, is the launch.
func TestComposeSaysTheSame(t *testing.T) {
	c := example(t, aim.LevelCompat)
	text, err := render.Compose(c)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Entrypoint, Command []string
			Environment         map[string]string
			Devices, Ports      []string
		}
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	s := file.Services["chat"]
	plain := strings.ReplaceAll(strings.Join(s.Command, "\n"), "$$", "$")
	if plain != strings.Join(c.Args, "\n") || strings.Join(s.Entrypoint, " ") != "vllm serve" {
		t.Errorf("it runs %q %q", s.Entrypoint, s.Command)
	}
	if !strings.HasPrefix(s.Environment["HF_TOKEN"], "${HF_TOKEN:?") || s.Environment["GREETING"] != "it's $$5" {
		t.Errorf("environment %v", s.Environment)
	}
	if strings.Join(s.Devices, " ") != "/dev/kfd /dev/dri/renderD128 /dev/dri/renderD136" || s.Ports[0] != "10.0.0.5:18000:8000" {
		t.Errorf("devices %v, ports %v", s.Devices, s.Ports)
	}
}

func TestComposeRefusesAFlagItDoesNotKnow(t *testing.T) {
	c := example(t, aim.LevelCompat)
	c.Flags = append(c.Flags, render.Flag{Name: "gpus", Value: "all"})
	if _, err := render.Compose(c); err == nil || !strings.Contains(err.Error(), "--gpus") {
		t.Errorf("an untranslated flag gives %v", err)
	}
}

func TestSystemdTakesTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	if _, err := os.Stat("/usr/bin/docker"); err != nil {
		t.Skip("the unit starts /usr/bin/docker, which is not here, and systemd-analyze wants it")
	}
	file := filepath.Join(t.TempDir(), "chat.service")
	if err := os.WriteFile(file, []byte(render.Systemd(example(t, aim.LevelStrict))), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(analyze, "verify", file).CombinedOutput() // its code also counts units that are not there
	if strings.Contains(string(out), "chat.service:") {
		t.Errorf("%s", out)
	}
}
