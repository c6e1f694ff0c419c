package vllm_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/backend/backendtest"
	"github.com/aim-engine/aim/internal/backend/vllm"
)

var _ node.Backend = vllm.New()

func rung(change func(*aim.Rung)) aim.Rung {
	r := aim.Rung{
		Number: 1, Recipe: "test", Model: "Qwen/Qwen3-32B", ServedName: "chat", Backend: "vllm", Version: "0.22.1",
		Image: "vllm/vllm-openai-rocm:v0.22.1", GPUType: "MI300X", GPUs: 1, Nodes: 1,
		Options: []aim.Option{{Name: "dtype", Value: "float16"}, {Name: "enforce-eager", Bare: true}, {Name: "max-logprobs", Value: "-1"}},
		Env:     map[string]string{"VLLM_ROCM_USE_AITER": "1"},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestArgs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*aim.Rung)
		want   string
	}{
		"one GPU": {nil, "Qwen/Qwen3-32B --served-model-name chat --host 0.0.0.0 --port 8000 --dtype float16 --enforce-eager --max-logprobs -1"},
		"four GPUs and a revision": {func(r *aim.Rung) { r.GPUs, r.Revision, r.Options = 4, "abc123", nil },
			"Qwen/Qwen3-32B --served-model-name chat --host 0.0.0.0 --port 8000 --tensor-parallel-size 4 --revision abc123"},
		"a folder": {func(r *aim.Rung) { r.Model, r.Options = "/weights/qwen", nil }, "/weights/qwen --served-model-name chat --host 0.0.0.0 --port 8000"},
	} {
		args, _, err := vllm.New().Args(rung(c.change), "0.0.0.0", 8000)
		if got := strings.Join(args, " "); err != nil || got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
		}
	}
}

func TestArgsRefuse(t *testing.T) {
	option := backendtest.Option
	backendtest.Refuses(t, vllm.New(), rung, map[string]backendtest.Refusal{
		"an unknown option":     backendtest.Refused(option("max-modle-len", "1"), aim.ClassOption, "did you mean --max-model-len"),
		"a removed option":      backendtest.Refused(option("swap-space", "4"), aim.ClassOption, "last in v0.16.0"),
		"a bad choice":          backendtest.Refused(option("dtype", "float8"), aim.ClassOption, "not one of"),
		"another port":          backendtest.Refused(option("port", "1"), aim.ClassOption, "AIM Engine sets it itself"),
		"files of the node":     backendtest.Refused(option("allowed-local-media-path", "/"), aim.ClassOption, "opens files of the node"),
		"remote code":           backendtest.Refused(option("trust-remote-code", ""), aim.ClassRemoteCode, "node.remote_code"),
		"GPUs by environment":   backendtest.Refused(func(r *aim.Rung) { r.Env = map[string]string{"HIP_VISIBLE_DEVICES": "0"} }, aim.ClassOption, "HIP_VISIBLE_DEVICES"),
		"code by environment":   backendtest.Refused(func(r *aim.Rung) { r.Env = map[string]string{"LD_PRELOAD": "/x.so"} }, aim.ClassOption, "LD_PRELOAD"),
		"an option for a model": backendtest.Refused(func(r *aim.Rung) { r.Model = "--port" }, aim.ClassOption, "is not a model"),
		"no name":               backendtest.Refused(func(r *aim.Rung) { r.ServedName = "" }, aim.ClassOption, "served name"),
		"two names":             backendtest.Refused(func(r *aim.Rung) { r.ServedName = "a --port 1" }, aim.ClassOption, "served name"),
		"two nodes":             backendtest.Refused(func(r *aim.Rung) { r.Nodes = 2 }, aim.ClassOption, "spans 2 nodes"),
		"an unknown version":    backendtest.Refused(func(r *aim.Rung) { r.Version = "0.1.0" }, aim.ClassOption, "older than"),
	})
	allowing := vllm.Backend{AllowRemoteCode: true}
	if args, _, err := allowing.Args(rung(option("trust-remote-code", "")), "", 0); err != nil || args[len(args)-1] != "--trust-remote-code" {
		t.Errorf("allowed remote code: %v %v", args, err)
	}
}

// vLLM's own image sets its environment itself; others get it from us, and the
// recipe always has the last word.
func TestEnvironmentOfImages(t *testing.T) {
	for image, ours := range map[string]bool{
		"vllm/vllm-openai-rocm:v0.22.1":                           false,
		"registry.local:5000/vllm/vllm-openai-rocm:v0.22.1":       false,
		"vllm/vllm-openai-rocm@sha256:" + strings.Repeat("0", 64): false,
		"rocm/vllm:rocm7.0_vllm_0.16.0":                           true,
		"acme/vllm:1.0":                                           true,
		"":                                                        true, // the process runtime has no image
	} {
		_, env, err := vllm.New().Args(rung(func(r *aim.Rung) { r.Image, r.Version = image, "0.22.1" }), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		_, set := env["HIP_FORCE_DEV_KERNARG"]
		if set != ours || env["VLLM_ROCM_USE_AITER"] != "1" {
			t.Errorf("%q: environment %v", image, env)
		}
	}
	r := rung(func(r *aim.Rung) { r.Image, r.Env = "rocm/vllm:x", map[string]string{"SAFETENSORS_FAST_GPU": "0"} })
	before := maps.Clone(r.Env)
	_, env, err := vllm.New().Args(r, "", 0)
	if err != nil || env["SAFETENSORS_FAST_GPU"] != "0" || !maps.Equal(r.Env, before) {
		t.Errorf("environment %v, the rung's is now %v (%v)", env, r.Env, err)
	}
}

func TestEntrypoint(t *testing.T) {
	for image, want := range map[string]string{
		"vllm/vllm-openai-rocm:v0.22.1":             "",
		"rocm/vllm:rocm7.0_vllm_0.16.0":             "vllm serve",
		"docker.io/rocm/vllm-dev:nightly":           "vllm serve",
		"registry.local:5000/rocm/vllm@sha256:0000": "vllm serve",
		"acme/vllm:1.0":                             "",
	} {
		if got := strings.Join(vllm.New().Entrypoint(image), " "); got != want {
			t.Errorf("Entrypoint(%s) = %q, want %q", image, got, want)
		}
	}
}
