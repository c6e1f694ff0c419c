package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
)

// Without a fleet a model can still be rendered, for every backend and target,
// and the text names secrets without their values.
func TestRenderWithoutAFleet(t *testing.T) {
	clitest.Alone(t)
	for _, c := range []struct {
		args []string
		has  []string
	}{
		{nil, []string{"docker run", "--device /dev/kfd", "--cap-drop ALL", "vllm/vllm-openai-rocm", "--max-model-len 32768", "--publish 127.0.0.1:8000:8000"}},
		{[]string{"--gpus", "2", "--target", "compose"}, []string{"/dev/dri/renderD128", "/dev/dri/renderD136", "--tensor-parallel-size"}},
		{[]string{"--target", "systemd", "--secret", "HF_TOKEN=env:HF_TOKEN"}, []string{"ExecStart=/usr/bin/docker run", "--env HF_TOKEN \\\n", "EnvironmentFile=/etc/aim/qwen3-32b.env"}},
		{[]string{"--backend", "sglang"}, []string{"--entrypoint python3", "-m sglang.launch_server", "--context-length 32768"}},
		{[]string{"--backend", "tgi", "--max-model-len", "4096"}, []string{"text-generation-inference:3.3.5-rocm", "--max-total-tokens 4096"}},
		{[]string{"--", "--enforce-eager"}, []string{"--enforce-eager"}},
	} {
		code, stdout, stderr := aimRun(t, append([]string{"render", "Qwen/Qwen3-32B"}, c.args...)...)
		require.Equal(t, cli.ExitDone, code, stderr)
		for _, has := range c.has {
			require.Contains(t, stdout, has)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	clitest.Alone(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"render", "Qwen/Qwen3-32B", "--target", "helm"}, cli.ExitUsage, "one of docker, compose, systemd"},
		{[]string{"render"}, cli.ExitUsage, "MODEL is missing"},
		{[]string{"render", "Qwen/Qwen3-32B", "--backend", "tgi", "--", "--max-model-len", "1"}, cli.ExitUsage, "tgi calls it --max-total-tokens"},
	} {
		code, stdout, stderr := aimRun(t, c.args...)
		require.Equal(t, c.code, code, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.says)
		require.Contains(t, stderr, "next: ")
	}
}
