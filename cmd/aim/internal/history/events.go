// Package history tells the durable history of a deployment: Temporal's events,
// in our words.
package history

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

// pollEvery is how often --watch reads the histories again.
const pollEvery = time.Second

type options struct{ watch bool }

func New(a *cli.App) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "events NAME",
		Short:   "Tell the durable history of a deployment",
		Example: "  aim events qwen3-32b --watch",
		Args:    cli.Named("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on until interrupted or the deployment has ended")
	return a.Prints(cmd, []display.Event{})
}

// run reads whole histories every time. They are short, and a reader that keeps
// no position cannot lose one over a continue-as-new.
func (o options) run(ctx context.Context, a *cli.App, name string) error {
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for {
		story, err := readStory(ctx, c, name)
		if err != nil {
			return err
		}
		if !story.ended {
			story.events = append(story.events, waits(ctx, c, story.replicas, a.Now())...)
		}
		if err := o.tell(a, story.events, told); err != nil || !o.watch || story.ended {
			return err
		}
		if err := cli.Pause(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// tell prints the events that have not been told yet.
func (o options) tell(a *cli.App, all []display.Event, told map[string]bool) error {
	var fresh []display.Event
	for _, e := range all {
		if !told[e.ID] {
			told[e.ID] = true
			fresh = append(fresh, e)
		}
	}
	if !a.Programs() {
		display.Events(a.Out, fresh)
		return nil
	}
	if o.watch { // an array has an end, and this has none
		return display.List(a.Out, "jsonl", fresh)
	}
	return display.List(a.Out, a.Format, fresh)
}

// story is the history of a deployment and of its replicas.
type story struct {
	events []display.Event // by time
	ended  bool            // the deployment's workflow has closed
	// replicas are the workflows of those that have not closed.
	replicas []execution
}

// readStory follows the deployment from its first run through every
// continue-as-new, and each replica that it has started.
func readStory(ctx context.Context, c client.Client, name string) (story, error) {
	var s story
	first, err := firstRun(ctx, c, name)
	if err != nil {
		return s, err
	}
	waiting, seen := []execution{first}, map[execution]bool{}
	for len(waiting) > 0 {
		e := waiting[0]
		waiting = waiting[1:]
		if seen[e] {
			continue
		}
		seen[e] = true
		history, err := readHistory(ctx, c, e)
		if err != nil {
			return s, cli.Next(cli.Failed("read the history of %s: %v", e.id, cli.ShortCause(err)), "aim doctor")
		}
		t := narrate(e, history)
		s.events = append(s.events, t.events...)
		s.ended = s.ended || (e.id == name && t.ended)
		if e.id != name && !t.ended && len(t.follow) == 0 {
			s.replicas = append(s.replicas, e)
		}
		waiting = append(waiting, t.follow...)
	}
	sortEvents(s.events)
	return s, nil
}

// waits is what replicas wait for now. It is told with their history, and is not
// part of it.
func waits(ctx context.Context, c client.Client, replicas []execution, now time.Time) (all []display.Event) {
	for _, e := range replicas {
		for _, p := range cli.Running(ctx, c, e.id) {
			if p.Note != "" {
				all = append(all, display.Event{Time: now, Who: e.who(), Text: "now: " + p.Note, ID: "now/" + e.id + "/" + p.Note})
			}
		}
	}
	return all
}
