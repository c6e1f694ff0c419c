package main

import "github.com/spf13/cobra"

func newControl(a *app) *cobra.Command {
	return group("control", "The process that decides: workflows, recipes and placement", "  aim control run", newControlRun(a))
}
