package deployment

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type psOptions struct{ all bool }

func NewPs(a *cli.App) *cobra.Command {
	var o psOptions
	cmd := &cobra.Command{
		Use:     "ps",
		Aliases: []string{"ls", "list"},
		Short:   "List deployments, those that failed within a day included",
		Example: "  aim ps --all -o json",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "also those that have ended, as long as Temporal keeps them")
	return a.Prints(cmd, []aim.Status{})
}

// run says on stderr that there is nothing, so that an empty list is empty.
func (o psOptions) run(ctx context.Context, a *cli.App) error {
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	those := thoseOfInterest(a.Now())
	if o.all {
		those = thoseKept
	}
	found, err := AskAll(ctx, c, those)
	if err != nil {
		return err
	}
	if !o.all { // a name that failed, ran again and was stopped is of no interest any more
		found = slices.DeleteFunc(found, func(s aim.Status) bool { return s.Phase == aim.Stopped })
	}
	addLive(ctx, a, found)
	if a.Programs() {
		return display.List(a.Out, a.Format, found)
	}
	if len(found) == 0 {
		a.Hint("no deployments\nnext: aim deploy MODEL")
		return nil
	}
	display.Deployments(a.Out, found, a.Now())
	return nil
}
