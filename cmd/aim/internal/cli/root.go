package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/worker"
)

// The groups of commands in the help.
const (
	GroupModels  = "models"
	GroupFleet   = "fleet"
	GroupClients = "clients"
	GroupMachine = "machine"
	GroupDaemons = "daemons"
)

// Run carries out one command line with the commands that add puts into the
// program, and returns the exit code. add must stay cheap: it is all that --help
// and completion wait for.
func Run(ctx context.Context, args []string, io Streams, add func(root *cobra.Command, a *App)) int {
	a := New(io)
	a.Args = args
	root := NewRoot(a)
	add(root, a)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	a.close()
	return a.finish(cmd, err)
}

// NewRoot is the program itself, still without commands.
func NewRoot(a *App) *cobra.Command {
	root := &cobra.Command{
		Use:   "aim",
		Short: "Put large language models into service on AMD GPUs, and keep them there",
		Long: `aim puts large language models into service on AMD GPUs, and keeps them there.

Name a model; it finds the GPUs, chooses a recipe, places the model, pulls the
image and the weights, starts the server, proves that it answers, and watches
over it until you stop it. Every step is durable.`,
		Example:           "  aim up --simulate 2x8\n  aim deploy Qwen/Qwen3-32B",
		Args:              noSuchCommand,
		RunE:              showHelp,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		Version:           worker.Version,
	}
	root.SetVersionTemplate("aim {{.Version}}\n")
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: GroupModels, Title: "Models:"},
		&cobra.Group{ID: GroupFleet, Title: "Fleet and catalogue:"},
		&cobra.Group{ID: GroupClients, Title: "Clients of the gateway:"},
		&cobra.Group{ID: GroupMachine, Title: "This machine:"},
		&cobra.Group{ID: GroupDaemons, Title: "Daemons:"},
	)
	root.SetHelpCommandGroupID(GroupMachine)
	root.SetCompletionCommandGroupID(GroupMachine)
	globalFlags(root)
	return root
}

// globalFlags are settings. Their defaults are told in words, since the value may
// come from elsewhere.
func globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringP("output", "o", "", "how to print data: "+strings.Join(config.Outputs(), ", ")+" (default table)")
	f.String("color", "", "colour: "+strings.Join(config.Colors(), ", ")+" (default auto)")
	f.String("config", "", "configuration file (default the first of "+"~/.config/aim/aim.yaml, /etc/aim/aim.yaml)")
	f.String("dir", "", "state folder of aim up (default ~/.local/state/aim)")
	f.String("temporal-address", "", "Temporal frontend, host:port")
	f.String("temporal-namespace", "", "Temporal namespace")
	f.String("nats-url", "", "NATS server, nats://host:port")
	for flag, key := range map[string]string{
		"output": "output", "color": "color", "dir": "dir", "temporal-address": "temporal.address",
		"temporal-namespace": "temporal.namespace", "nats-url": "nats.url",
	} {
		Setting(f, flag, key)
	}
}
