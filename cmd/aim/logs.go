package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/worker"
)

type logsOptions struct {
	follow                 bool
	replica, attempt, tail int
}

func newLogs(a *app) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the log of a deployment's server, running or finished",
		Long: `Logs prints what a server has written, as its node keeps it. Finished attempts
keep their logs: aim status lists them.`,
		Example: "  aim logs qwen3-32b --attempt 1",
		Args:    named("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on until the server ends")
	flags.IntVar(&o.replica, "replica", 0, "which replica, from 0")
	flags.IntVar(&o.attempt, "attempt", 0, "which attempt, from 1 (default the one at hand)")
	flags.IntVar(&o.tail, "tail", 0, "only the last `N` lines")
	return cmd
}

func (o logsOptions) run(ctx context.Context, a *app, name string) error {
	if o.tail < 0 {
		return usage("--tail is %d; it must be 1 or more", o.tail)
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	s, err := status(ctx, c, name)
	if err != nil {
		return err
	}
	where, err := findAttempt(s, o.replica, o.attempt)
	if err != nil {
		return err
	}
	conn, err := a.nats(ctx)
	if err != nil {
		return err
	}
	question, err := json.Marshal(worker.LogQuestion{
		Identity: where.identity, LogOptions: aim.LogOptions{Follow: o.follow, Tail: o.tail},
	})
	if err != nil {
		return failed("ask for the log: %w", err)
	}
	log, err := inventory.Ask(ctx, conn, where.node, inventory.QuestionLogs, question)
	if err != nil {
		return err
	}
	defer log.Close()
	if _, err := io.Copy(a.out, log); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

// attempt is where the log of one attempt is.
type attempt struct {
	identity aim.Identity
	node     string
}

// findAttempt finds the node of an attempt: the one at hand, or one of the
// past. number 0 is the last that had a server.
func findAttempt(s aim.Status, ordinal, number int) (attempt, error) {
	i := slices.IndexFunc(s.Replicas, func(r aim.ReplicaStatus) bool { return r.Ordinal == ordinal })
	if i < 0 {
		return attempt{}, next(failed("deployment %s has no replica %d", s.Name, ordinal), "aim status %s", s.Name)
	}
	r := s.Replicas[i]
	nodes := map[int]string{}
	last := 0
	for _, t := range r.Tries {
		if t.Node != "" {
			nodes[t.Attempt], last = t.Node, max(last, t.Attempt)
		}
	}
	if r.Node != "" {
		nodes[r.Attempt], last = r.Node, max(last, r.Attempt)
	}
	if number == 0 {
		number = last
	}
	if nodes[number] == "" {
		if last == 0 {
			return attempt{}, next(failed("replica %d of %s has had no server yet", ordinal, s.Name), "aim status %s --watch", s.Name)
		}
		return attempt{}, next(failed("no server of attempt %d of %s/%d is known", number, s.Name, ordinal), "aim status %s", s.Name)
	}
	return attempt{
		identity: aim.Identity{Deployment: s.Name, UID: s.UID, Ordinal: ordinal, Attempt: number},
		node:     nodes[number],
	}, nil
}
