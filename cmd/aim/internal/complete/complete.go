// Package complete finishes words in a shell: names of deployments, nodes, models,
// recipes, and the values that a flag may have. What is asked of a fleet is asked
// briefly: a key that waits is worse than one that does nothing.
package complete

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/deployment"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
	"github.com/aim-engine/aim/internal/config"
)

// within is how long a completion may take.
const within = 2 * time.Second

// words lists what a place on the command line may be.
type words func(ctx context.Context, a *cli.App) []string

// Add gives every command below root the completion of its arguments and flags. It is
// called only where a shell asks.
func Add(root *cobra.Command, a *cli.App) {
	for _, cmd := range root.Commands() {
		Add(cmd, a)
	}
	if of := arguments(root); of != nil {
		root.ValidArgsFunction = finish(a, of)
	} else if root.Runnable() && !root.HasSubCommands() && !takesFiles(root) {
		root.ValidArgsFunction = cobra.NoFileCompletions
	}
	each := func(f *pflag.Flag) {
		if of := values(root, f.Name); of != nil {
			// The only error is a flag that has one already, of a parent.
			_ = root.RegisterFlagCompletionFunc(f.Name, finish(a, func(int) words { return of }))
		}
	}
	root.Flags().VisitAll(each)
	root.PersistentFlags().VisitAll(each)
}

// finish answers a shell. Arguments that are given already are not offered again.
func finish(a *cli.App, of func(position int) words) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if err := a.Load(cmd); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		list := of(len(args))
		if list == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		var found []string
		for _, w := range list(ctx, a) {
			if strings.HasPrefix(strings.ToLower(w), strings.ToLower(begun)) && !slices.Contains(args, w) {
				found = append(found, w)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// arguments reads the synopsis of a command: "move NAME", "clear NODE [GPU...]". nil
// where none of its arguments is known.
func arguments(cmd *cobra.Command) func(position int) words {
	if !cmd.HasParent() {
		return nil
	}
	if slices.Contains([]string{"key", "alias", "token", "context", "secret"}, cmd.Parent().Name()) {
		return nil // other things have names too
	}
	fields := strings.Fields(cmd.Use)
	if dash := slices.Index(fields, "[--"); dash > 0 {
		fields = fields[:dash]
	}
	var places []words
	repeated := false
	for _, f := range fields[1:] {
		of, known := byNoun[strings.Trim(f, "[].")]
		if !known {
			break
		}
		places = append(places, of)
		repeated = strings.Contains(f, "...")
	}
	if len(places) == 0 {
		return nil
	}
	return func(position int) words {
		switch {
		case position < len(places):
			return places[position]
		case repeated:
			return places[len(places)-1]
		}
		return nil
	}
}

// byNoun is what the words of a synopsis stand for.
var byNoun = map[string]words{
	"NAME": deployments, "NODE": nodes, "MODEL": models, "RECIPE": recipes,
}

// values lists what a flag may be.
func values(cmd *cobra.Command, flag string) words {
	switch flag {
	case "output":
		return fixed(config.Outputs()...)
	case "color":
		return fixed(config.Colors()...)
	case "precision":
		return fixed(aim.Precisions()...)
	case "backend":
		return fixed(aim.Backends()...)
	case "metric":
		return fixed(aim.Metrics()...)
	case "recipe":
		return recipes
	case "gpu-type":
		return gpuTypes
	case "to", "off", "node":
		return nodes
	case "selector":
		return labels
	case "name":
		if slices.Contains([]string{"deploy", "plan"}, cmd.Name()) {
			return deployments
		}
	}
	return nil
}

func takesFiles(cmd *cobra.Command) bool {
	return strings.Contains(cmd.Use, "FILE") || strings.Contains(cmd.Use, "FOLDER")
}

func fixed(all ...string) words { return func(context.Context, *cli.App) []string { return all } }

func deployments(ctx context.Context, a *cli.App) []string {
	c, err := a.Temporal(ctx)
	if err != nil {
		return nil
	}
	names, _ := deployment.Names(ctx, c)
	return names
}

func nodes(ctx context.Context, a *cli.App) (ids []string) {
	for _, n := range fleet(ctx, a).Nodes {
		ids = append(ids, n.ID)
	}
	return ids
}

// fleet says nothing: a note between two keys would destroy the line.
func fleet(ctx context.Context, a *cli.App) aim.Fleet {
	answer, err := a.AskFleet(ctx)
	if err != nil {
		return aim.Fleet{}
	}
	return answer.Fleet
}

func labels(ctx context.Context, a *cli.App) (all []string) {
	for _, n := range fleet(ctx, a).Nodes {
		for name, value := range n.Labels {
			all = append(all, name+"="+value)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func gpuTypes(ctx context.Context, a *cli.App) (all []string) {
	for _, n := range fleet(ctx, a).Nodes {
		for _, g := range n.GPUs {
			all = append(all, g.Type)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func models(_ context.Context, a *cli.App) []string {
	c, err := recipe.Catalogue(a)
	if err != nil {
		return nil
	}
	return c.Models()
}

func recipes(_ context.Context, a *cli.App) []string {
	c, err := recipe.Catalogue(a)
	if err != nil {
		return nil
	}
	return c.Recipes()
}
