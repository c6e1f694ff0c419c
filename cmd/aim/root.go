package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/alias"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/complete"
	"github.com/aim-engine/aim/cmd/aim/internal/control"
	"github.com/aim-engine/aim/cmd/aim/internal/deployment"
	"github.com/aim-engine/aim/cmd/aim/internal/gateway"
	"github.com/aim-engine/aim/cmd/aim/internal/gpu"
	"github.com/aim-engine/aim/cmd/aim/internal/history"
	"github.com/aim-engine/aim/cmd/aim/internal/key"
	"github.com/aim-engine/aim/cmd/aim/internal/machine"
	"github.com/aim-engine/aim/cmd/aim/internal/model"
	"github.com/aim-engine/aim/cmd/aim/internal/node"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
	"github.com/aim-engine/aim/cmd/aim/internal/render"
	"github.com/aim-engine/aim/cmd/aim/internal/simulate"
	"github.com/aim-engine/aim/cmd/aim/internal/top"
	"github.com/aim-engine/aim/cmd/aim/internal/up"
	"github.com/aim-engine/aim/cmd/aim/internal/usage"
)

// addCommands puts every command into its group; hidden ones have none.
func addCommands(root *cobra.Command, a *cli.App) {
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(cli.GroupModels, deployment.NewDeploy(a), deployment.NewPlan(a), render.New(a), deployment.NewPs(a), deployment.NewStatus(a), deployment.NewLogs(a), history.New(a),
		deployment.NewScale(a), deployment.NewRestart(a), deployment.NewMove(a), deployment.NewRollback(a), deployment.NewStop(a), deployment.NewEndpoints(a))
	add(cli.GroupFleet, node.New(a), top.New(a), recipe.New(a), model.New(a), recipe.NewEstimate(a))
	add(cli.GroupClients, key.New(a), alias.New(a), usage.New(a), usage.NewAudit(a))
	add(cli.GroupMachine, up.New(a), up.NewDown(a), gpu.New(a), machine.NewSetup(a), machine.NewDoctor(a), machine.NewEnv(a), machine.NewVersion(a))
	add(cli.GroupDaemons, control.New(a), gateway.New(a))
	root.AddCommand(node.NewShim(a), node.NewEnter(a), simulate.New(a))
	if len(a.Args) > 0 && strings.HasPrefix(a.Args[0], cobra.ShellCompRequestCmd) {
		complete.Add(root, a)
	}
}
