package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/worker"
)

// The groups of commands in the help.
const (
	groupModels  = "models"
	groupFleet   = "fleet"
	groupMachine = "machine"
	groupDaemons = "daemons"
)

const (
	// annotationBare marks commands that need no settings, or may not fail for
	// a bad one.
	annotationBare = "aim_bare"
	// annotationSignals marks commands that deal with Ctrl-C and SIGTERM
	// themselves. For the others they end the context.
	annotationSignals = "aim_signals"
)

// newRoot builds the tree of commands. It must stay cheap: it is all that --help
// and completion wait for.
func newRoot(a *app) *cobra.Command {
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
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.AddGroup(
		&cobra.Group{ID: groupModels, Title: "Models:"},
		&cobra.Group{ID: groupFleet, Title: "Fleet and catalogue:"},
		&cobra.Group{ID: groupMachine, Title: "This machine:"},
		&cobra.Group{ID: groupDaemons, Title: "Daemons:"},
	)
	root.SetHelpCommandGroupID(groupMachine)
	root.SetCompletionCommandGroupID(groupMachine)
	globalFlags(root)
	addCommands(root, a)
	return root
}

// flagError says what a flag wants, without the words of the number parser.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if !errors.As(err, &invalid) || !errors.As(err, &number) {
		return usage("%w", err)
	}
	wanted := "whole number"
	if strings.HasPrefix(invalid.GetFlag().Value.Type(), "float") {
		wanted = "number"
	}
	return usage("--%s is %q; it must be a %s", invalid.GetFlag().Name, invalid.GetValue(), wanted)
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
		setting(f, flag, key)
	}
}

// addCommands puts every command into its group; hidden ones have none.
func addCommands(root *cobra.Command, a *app) {
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupModels, newDeploy(a), newPlan(a), newRender(a), newPs(a), newStatus(a), newLogs(a), newEvents(a),
		newScale(a), newRestart(a), newMove(a), newStop(a), newEndpoints(a))
	add(groupFleet, newNode(a), newRecipe(a), newModel(a), newEstimate(a))
	add(groupMachine, newUp(a), newDown(a), newGPU(a), newDoctor(a), newEnv(a), newVersion(a))
	add(groupDaemons, newControl(a))
	root.AddCommand(newShim(a), newSimulate(a))
}

// group makes a command that only holds others.
func group(use, short, example string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: noSuchCommand, RunE: showHelp,
		Annotations: map[string]string{annotationBare: ""}}
	cmd.AddCommand(children...)
	return cmd
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// bare tells whether the command, or the program itself, runs without settings.
func bare(cmd *cobra.Command) bool {
	_, marked := cmd.Annotations[annotationBare]
	return marked || !cmd.HasParent() || cmd.Name() == "help" || cmd.Name() == "completion" || cmd.Parent().Name() == "completion"
}

// noSuchCommand refuses what is not the name of a command.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	err := fmt.Errorf("%q is not a command of %s", args[0], cmd.CommandPath())
	if near := aim.Nearest(args[0], names); near != "" {
		return &problem{err: fmt.Errorf("%w; did you mean %q?", err, near), next: cmd.CommandPath() + " " + near + " --help", code: exitUsage}
	}
	return &problem{err: err, next: cmd.CommandPath() + " --help", code: exitUsage}
}

// named takes exactly these arguments, and says which one is missing.
func named(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usage("%s is missing: %s", names[len(args)], cmd.UseLine())
		}
		if len(args) > len(names) {
			return usage("%q is one argument too many: %s", args[len(names)], cmd.UseLine())
		}
		return nil
	}
}

// oneOrMore takes one argument of this name or several.
func oneOrMore(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s is missing: %s", name, cmd.UseLine())
		}
		return nil
	}
}

// atMost takes these arguments or fewer.
func atMost(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return named(names[:min(len(names), len(args))]...)(cmd, args)
	}
}
