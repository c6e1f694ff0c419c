package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aim-engine/aim"
)

// AddPairs reads NAME=value flags into a map.
func AddPairs(flag string, pairs []string, into *map[string]string) error {
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return Usage("%s %q is not name=value", flag, pair)
		}
		if *into == nil {
			*into = map[string]string{}
		}
		(*into)[name] = value
	}
	return nil
}

const (
	// AnnotationBare marks commands that need no settings, or may not fail for
	// a bad one.
	AnnotationBare = "aim_bare"
	// AnnotationSignals marks commands that deal with Ctrl-C and SIGTERM
	// themselves. For the others they end the context.
	AnnotationSignals = "aim_signals"
)

// flagError says what a flag wants, without the words of the number parser, and which
// flag was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1 {
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			return Usage("%s has no flag --%s; did you mean --%s?", cmd.CommandPath(), unknown.GetSpecifiedName(), near)
		}
		return Usage("%s has no flag --%s", cmd.CommandPath(), unknown.GetSpecifiedName())
	}
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if !errors.As(err, &invalid) || !errors.As(err, &number) {
		return Usage("%w", err)
	}
	wanted := "whole number"
	if strings.HasPrefix(invalid.GetFlag().Value.Type(), "float") {
		wanted = "number"
	}
	return Usage("--%s is %q; it must be a %s", invalid.GetFlag().Name, invalid.GetValue(), wanted)
}

func nearestFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	slices.SortStableFunc(names, func(a, b string) int { return len(a) - len(b) })
	for _, n := range names { // what was typed in part is meant, and of those the shortest
		if strings.HasPrefix(n, name) || strings.HasPrefix(name, n) {
			return n
		}
	}
	return aim.Nearest(name, names)
}

// Group makes a command that only holds others.
func Group(use, short, example string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: noSuchCommand, RunE: showHelp,
		Annotations: map[string]string{AnnotationBare: ""}}
	cmd.AddCommand(children...)
	return cmd
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// bare tells whether the command, or the program itself, runs without settings.
func bare(cmd *cobra.Command) bool {
	_, marked := cmd.Annotations[AnnotationBare]
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
		return &Problem{Err: fmt.Errorf("%w; did you mean %q?", err, near), Next: cmd.CommandPath() + " " + near + " --help", Code: ExitUsage}
	}
	return &Problem{Err: err, Next: cmd.CommandPath() + " --help", Code: ExitUsage}
}

// Named takes exactly these arguments, and says which one is missing.
func Named(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return Usage("%s is missing: %s", names[len(args)], cmd.UseLine())
		}
		if len(args) > len(names) {
			return Usage("%q is one argument too many: %s", args[len(names)], cmd.UseLine())
		}
		return nil
	}
}

// OneOrMore takes one argument of this name or several.
func OneOrMore(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return Usage("%s is missing: %s", name, cmd.UseLine())
		}
		return nil
	}
}

// AtMost takes these arguments or fewer.
func AtMost(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return Named(names[:min(len(names), len(args))]...)(cmd, args)
	}
}
