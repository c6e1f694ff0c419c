// Package simulate has the stand-ins for what a machine without GPUs lacks.
package simulate

import (
	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

func New(a *cli.App) *cobra.Command {
	cmd := cli.Group("simulate", "Stand-ins for what a machine without GPUs lacks", "  aim simulate hub --addr 127.0.0.1:8900",
		newServer(a, "vllm", "a vLLM", "Qwen/Qwen3-32B --port 8000"),
		newServer(a, "sglang", "an SGLang", "--model-path Qwen/Qwen3-32B --port 8000"),
		newServer(a, "tgi", "a TGI", "--model-id Qwen/Qwen3-32B --port 8000"),
		newHub(a), newHold(a), newReboot(a))
	cmd.Hidden = true
	return cmd
}
