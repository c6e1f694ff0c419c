package main

import "github.com/spf13/cobra"

func newSimulate(a *app) *cobra.Command {
	cmd := group("simulate", "Stand-ins for what a machine without GPUs lacks", "  aim simulate hub --addr 127.0.0.1:8900",
		newSimulateVLLM(a), newSimulateHub(a), newSimulateHold(a))
	cmd.Hidden = true
	return cmd
}
