package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/simulator"
)

type simulateVLLMOptions struct{ root string }

func newSimulateVLLM(a *app) *cobra.Command {
	var o simulateVLLMOptions
	cmd := &cobra.Command{
		Use:         "vllm [--root DIR] -- ARGS...",
		Short:       "Be a vLLM server without a model",
		Example:     "  aim simulate vllm -- Qwen/Qwen3-32B --port 8000",
		Annotations: map[string]string{annotationBare: "", annotationSignals: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			return quiet(simulator.VLLM(cmd.Context(), args, o.env, a.out, a.err))
		},
	}
	cmd.Flags().StringVar(&o.root, "root", "", "tree of the simulated node (default $AIM_SIM_ROOT)")
	return cmd
}

// env is the environment, with the flag over it.
func (o *simulateVLLMOptions) env(name string) string {
	if name == "AIM_SIM_ROOT" && o.root != "" {
		return o.root
	}
	return os.Getenv(name)
}
