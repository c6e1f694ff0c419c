package container_test

import (
	"strings"
	"testing"

	"github.com/distribution/reference"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
)

func TestImagesAreComparedAsDockerReadsThem(t *testing.T) {
	const digest, other = "@sha256:", "0000000000000000000000000000000000000000000000000000000000000000"
	good := digest + strings.Repeat("ab", 32)
	for _, c := range []struct {
		allow, image string
		want         bool
	}{
		{"docker.io/vllm", "vllm/vllm-openai-rocm:v0.22.1", true},
		{"docker.io/vllm", "docker.io/vllm/vllm-openai-rocm:v0.22.1", true},
		{"docker.io/vllm", "index.docker.io/vllm/vllm-openai-rocm", true},
		{"docker.io/vllm", "docker.io/vllm-evil/x", false},
		{"docker.io/vllm", "ghcr.io/vllm/x", false},
		{"docker.io/vllm", "ghcr.io/docker.io/vllm/x", false},
		{"vllm/", "vllm/vllm-openai-rocm:v0.22.1", true},
		{"vllm/", "vllm-evil/x", false},
		{"vllm/vllm", "vllm/vllm-evil:1", false},
		{"vllm/vllm", "vllm/vllm:1", true},
		{"docker.io/vllm/vllm-openai-rocm", "vllm/vllm-openai-rocm" + good, true},
		{"docker.io", "docker.io.evil.example/x:1", false},
		{"docker.io", "ubuntu", true},
		{"docker.io", "rocm/vllm:latest", true},
		{"ubuntu", "docker.io/library/ubuntu:24.04", true},
		{"ubuntu", "ubuntu-evil", false},
		{"library/ubuntu", "ubuntu", true},
		{"registry.corp", "registry.corp/x/y:1", true},
		{"registry.corp", "REGISTRY.corp/x/y:1", true},
		{"registry.corp", "registry.corp.evil.io/x", false},
		{"registry.corp", "registry.corp:5000/x", false},
		{"registry.corp:5000", "registry.corp:5000/x", true},
		{"registry.corp:5000/team", "registry.corp:5000/team/a/b:1", true},
		{"registry.corp:5000/team", "registry.corp:5000/team2/a", false},
		{"localhost:5000", "localhost:5000/x", true},
		{"localhost", "localhost/x", true},
		{"127.0.0.1:5000/", "127.0.0.1:5000/x", true},
		{"ghcr.io/o/x:1", "ghcr.io/o/x:1", true},
		{"ghcr.io/o/x:1", "ghcr.io/o/x:2", false},
		{"ghcr.io/o/x:latest", "ghcr.io/o/x", true},
		{"ghcr.io/o/x:1", "ghcr.io/o/x:1" + good, false}, // what is pulled is the digest, whatever the tag
		{"ghcr.io/o/x" + good, "ghcr.io/o/x" + good, true},
		{"ghcr.io/o/x" + good, "ghcr.io/o/x:7" + good, true},
		{"ghcr.io/o/x" + good, "ghcr.io/o/x" + digest + other, false},
		{"ghcr.io/o/x" + good, "ghcr.io/o/x", false},
		{"ghcr.io/o/x" + good, "ghcr.io/o/x/y" + good, false},
	} {
		err := container.CheckImage(c.image, []string{"quay.io/nothing", c.allow})
		if (err == nil) != c.want {
			t.Errorf("%s with %s: %v", c.image, c.allow, err)
		}
		if fail := aim.FailureOf(err); err != nil && (fail.Class != aim.ClassInput || fail.Hint == "") {
			t.Errorf("%s with %s: %s", c.image, c.allow, fail.Text())
		}
	}
	if err := container.CheckImage("any/thing:1", nil); err != nil {
		t.Errorf("without a list: %v", err)
	}
}

func TestImageRulesThatMeanNothing(t *testing.T) {
	for _, text := range []string{"", "/", "https://docker.io/vllm", "docker.io/VLLM", "a b", "docker.io/vllm*", "docker.io//x"} {
		if r, err := container.ParseImageRule(text); err == nil {
			t.Errorf("%q is %+v", text, r)
		}
	}
}

// An entry covers only what has it at the front, whole component by component.
func FuzzImageRule(f *testing.F) {
	f.Add("docker.io/vllm", "vllm/vllm-openai-rocm:v0.22.1")
	f.Add("registry.corp:5000/", "registry.corp:5000/a@sha256:"+strings.Repeat("ab", 32))
	f.Fuzz(func(t *testing.T, entry, image string) {
		rule, err := container.ParseImageRule(entry)
		if err != nil {
			return
		}
		named, err := reference.ParseNormalizedNamed(image)
		if err != nil || !rule.Allows(named) {
			return
		}
		if evil, err := reference.ParseNormalizedNamed(reference.Domain(named) + ".evil.example/" + reference.Path(named)); err == nil && rule.Allows(evil) {
			t.Errorf("%q allows %s", entry, evil)
		}
	})
}
