package main

import "github.com/spf13/cobra"

func newSimulate(a *app) *cobra.Command {
	cmd := group("simulate", "Stand-ins for what a machine without GPUs lacks", "  aim simulate hub --addr 127.0.0.1:8900",
		newSimulateServer(a, "vllm", "a vLLM", "Qwen/Qwen3-32B --port 8000"),
		newSimulateServer(a, "sglang", "an SGLang", "--model-path Qwen/Qwen3-32B --port 8000"),
		newSimulateServer(a, "tgi", "a TGI", "--model-id Qwen/Qwen3-32B --port 8000"),
		newSimulateHub(a), newSimulateHold(a))
	cmd.Hidden = true
	return cmd
}
