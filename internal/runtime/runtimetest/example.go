package runtimetest

import (
	"strings"

	"github.com/aim-engine/aim"
)

// ExampleLaunch is one of two GPUs, with everything set.
func ExampleLaunch() aim.Launch {
	return aim.Launch{
		Identity:   aim.Identity{Deployment: "qwen3-32b", UID: "3f2b9c1e-77aa", Ordinal: 2, Attempt: 3, Token: "tok", Namespace: "ns"},
		Backend:    "vllm",
		Image:      "docker.io/rocm/vllm@sha256:" + strings.Repeat("ab", 32),
		Entrypoint: []string{"vllm", "serve"},
		Args:       []string{"Qwen/Qwen3-32B", "--port", "8000"},
		Env:        map[string]string{"VLLM_ROCM_USE_AITER": "1", "HOME": "/cache"},
		SecretEnv:  map[string]string{"VLLM_API_KEY": "canary"},
		GPUs: []aim.GPU{
			{ID: "GPU-00000000000000b1", RenderMinor: new(136)},
			{ID: "GPU-00000000000000a0/3", RenderMinor: new(128)},
		},
		Address:   "10.0.0.5",
		Port:      20001,
		Resources: aim.Resources{CPUs: 16, HostBytes: 64 << 30, ShmBytes: 16 << 30},
		Mounts:    []aim.Mount{{Source: "/srv/hf", Target: "/models", ReadOnly: true}},
		Level:     aim.LevelStrict,
		Model:     "Qwen/Qwen3-32B", Task: "chat",
	}
}
