package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
)

type psOptions struct{ all bool }

func newPs(a *app) *cobra.Command {
	var o psOptions
	cmd := &cobra.Command{
		Use:     "ps",
		Aliases: []string{"ls", "list"},
		Short:   "List deployments, those that failed within a day included",
		Example: "  aim ps --all -o json",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "also those that have ended, as long as Temporal keeps them")
	return cmd
}

// run says on stderr that there is nothing, so that an empty list is empty.
func (o psOptions) run(ctx context.Context, a *app) error {
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	those := thoseOfInterest(a.now())
	if o.all {
		those = thoseKept
	}
	found, err := statuses(ctx, c, those)
	if err != nil {
		return err
	}
	if !o.all { // a name that failed, ran again and was stopped is of no interest any more
		found = slices.DeleteFunc(found, func(s aim.Status) bool { return s.Phase == aim.Stopped })
	}
	if a.programs() {
		return display.List(a.out, a.format, found)
	}
	if len(found) == 0 {
		a.hint("no deployments\nnext: aim deploy MODEL")
		return nil
	}
	display.Deployments(a.out, found)
	return nil
}
