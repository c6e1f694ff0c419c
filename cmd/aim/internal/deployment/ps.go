package deployment

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	sdk "github.com/aim-engine/aim/client"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

const (
	// lately is how long deployments that have failed are listed: whoever has just seen
	// one fail looks for it.
	lately = 24 * time.Hour
	// mostAsked bounds the questions of one list; each costs some milliseconds of control.
	mostAsked = 16
	// liveWithin is how long a list waits for what servers do now.
	liveWithin = 200 * time.Millisecond
)

type psOptions struct{ all bool }

func NewPs(a *cli.App) *cobra.Command {
	var o psOptions
	cmd := &cobra.Command{
		Use:     "ps",
		Aliases: []string{"ls", "list"},
		Short:   "List deployments, those that failed within a day included",
		Long: `Ps lists deployments as Temporal's list and the nodes tell them, and asks those
that are not settled, or that the two tell differently, the newest 16 of them. What
could not be asked says "as listed". With --output json every deployment is asked,
and tells all that aim status tells.`,
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
	those := sdk.WantedOrFailedSince(a.Now().Add(-lately))
	if o.all {
		those = sdk.Kept
	}
	if a.Programs() {
		found, err := AskAll(ctx, c, those)
		if err != nil {
			return err
		}
		found = o.ofInterest(found)
		addLive(ctx, a, found)
		return display.List(a.Out, a.Format, found)
	}
	found, err := o.list(ctx, a, c, those)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		a.Hint("no deployments\nnext: aim deploy MODEL")
		return nil
	}
	display.Deployments(a.Out, found, a.Now())
	return nil
}

// ofInterest leaves out a name that failed, ran again and was stopped.
func (o psOptions) ofInterest(all []aim.Status) []aim.Status {
	if o.all {
		return all
	}
	return slices.DeleteFunc(all, func(s aim.Status) bool { return s.Phase == aim.Stopped })
}

// list reads Temporal's list and the fleet, and asks where they do not suffice.
func (o psOptions) list(ctx context.Context, a *cli.App, c client.Client, those sdk.Those) ([]aim.Status, error) {
	var fleet aim.Fleet
	var look sync.WaitGroup
	look.Go(func() { fleet = a.LiveFleet(ctx, liveWithin) })
	rows, err := sdk.New(c).Rows(ctx, those)
	look.Wait()
	if err != nil {
		return nil, cli.Failed("list deployments: %v", cli.ShortCause(err))
	}
	l := newListing(rows, fleet)
	asked, err := askEach(ctx, c, l.toAsk(mostAsked))
	if err != nil {
		return nil, err
	}
	if behind := l.take(asked, a.Now()); behind > 0 {
		a.Hint("%s Temporal's list is behind, by %s or more", a.Err.Warn("note:"), behind.Round(time.Second))
	}
	all := o.ofInterest(l.statuses())
	addLiveOf(fleet, all)
	return all, nil
}
