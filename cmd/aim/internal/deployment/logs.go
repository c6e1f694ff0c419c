package deployment

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/inventory"
)

type logsOptions struct {
	follow                 bool
	first                  bool // no replica was named
	raw                    bool
	replica, attempt, tail int
}

func NewLogs(a *cli.App) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the log of a deployment's server, running or finished",
		Long: `Logs prints what a server has written, as its node keeps it. Finished attempts
keep their logs: aim status lists them.`,
		Example: "  aim logs qwen3-32b --attempt 1",
		Args:    cli.Named("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.first = !cmd.Flags().Changed("replica")
			return o.run(cmd.Context(), a, args[0])
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on until the server ends")
	flags.IntVar(&o.replica, "replica", 0, "which replica; the first one where it is not told")
	flags.IntVar(&o.attempt, "attempt", 0, "which attempt, from 1 (default the one at hand)")
	flags.BoolVar(&o.raw, "raw", false, "the bytes as they were written; what a terminal acts on is escaped otherwise")
	flags.IntVar(&o.tail, "tail", 0, "only the last `N` lines")
	return cmd
}

// run finds the node by the status and asks it over NATS: agents need no port for
// this, and a finished attempt is as good as a running one.
func (o logsOptions) run(ctx context.Context, a *cli.App, name string) error {
	if err := a.PrintsAsItIs("logs prints the lines of a server as they are"); err != nil {
		return err
	}
	if o.tail < 0 {
		return cli.Usage("--tail is %d; it must be 1 or more", o.tail)
	}
	s, err := AskNamed(ctx, a, name)
	if err != nil {
		return err
	}
	if o.first {
		o.replica = firstReplica(s)
	}
	which, err := findAttempt(s, o.replica, o.attempt)
	if err != nil {
		return err
	}
	log, err := o.open(ctx, a, which)
	if err != nil {
		return err
	}
	defer log.Close()
	var out io.Writer = a.Out
	if !o.raw {
		escaper := display.NewEscaper(a.Out)
		defer escaper.Close()
		out = escaper
	}
	if _, err := io.Copy(out, log); err != nil && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil {
		return cli.ErrInterrupted
	}
	return nil
}

// open asks the node of the attempt. A status names the nodes of failed attempts
// and of the one at hand; one that was only replaced may be on any node.
func (o logsOptions) open(ctx context.Context, a *cli.App, which attempt) (io.ReadCloser, error) {
	conn, err := a.NATS(ctx)
	if err != nil {
		return nil, err
	}
	question, err := json.Marshal(activities.LogQuestion{
		Identity: which.identity, LogOptions: aim.LogOptions{Follow: o.follow, Tail: o.tail},
	})
	if err != nil {
		return nil, cli.Failed("ask for the log: %w", err)
	}
	nodes := []string{which.node}
	if which.node == "" {
		fleet, err := a.Fleet(ctx)
		if err != nil {
			return nil, err
		}
		nodes = nil
		for _, n := range fleet.Nodes {
			nodes = append(nodes, n.ID)
		}
	}
	return askNodes(ctx, conn, nodes, which, question)
}

// askNodes asks one node after the other until one has the log.
func askNodes(ctx context.Context, conn *inventory.Conn, nodes []string, which attempt, question []byte) (io.ReadCloser, error) {
	var last error
	for _, node := range nodes {
		answer, err := inventory.Ask(ctx, conn, node, activities.QuestionLogs, question)
		if err != nil {
			last = err
			continue
		}
		// A node that has no such log says so instead of a first byte.
		log := bufio.NewReader(answer)
		if _, err = log.Peek(1); err == nil || errors.Is(err, io.EOF) {
			return peeked{log, answer}, nil
		}
		last = err
		answer.Close()
	}
	if len(nodes) > 1 || last == nil {
		return nil, cli.Next(cli.Failed("no node has a log of attempt %d of %s", which.identity.Attempt, which.identity.ReplicaName()),
			"aim status %s", which.identity.Deployment)
	}
	return nil, last
}

// peeked is an answer whose first bytes have been looked at.
type peeked struct {
	io.Reader
	io.Closer
}

// attempt is one attempt of a replica, and where its log is.
type attempt struct {
	identity aim.Identity
	node     string // "" when the status does not tell
}

// firstReplica is the lowest number that a replica has: a move leaves gaps.
func firstReplica(s aim.Status) int {
	if len(s.Replicas) == 0 {
		return 0
	}
	return slices.MinFunc(s.Replicas, func(a, b aim.ReplicaStatus) int { return a.Ordinal - b.Ordinal }).Ordinal
}

// findAttempt finds an attempt: the one at hand, or one of the past. number 0 is
// the last that is known to have had a server.
func findAttempt(s aim.Status, ordinal, number int) (attempt, error) {
	i := slices.IndexFunc(s.Replicas, func(r aim.ReplicaStatus) bool { return r.Ordinal == ordinal })
	if i < 0 {
		return attempt{}, cli.Next(cli.Failed("deployment %s has no replica %d", s.Name, ordinal), "aim status %s", s.Name)
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
	if number < 1 || number > r.Attempt {
		if r.Attempt == 0 || number == 0 {
			return attempt{}, cli.Next(cli.Failed("replica %d of %s has had no server yet", ordinal, s.Name), "aim status %s --watch", s.Name)
		}
		return attempt{}, cli.Next(cli.Failed("%s/%d has made %d attempts; there is no attempt %d", s.Name, ordinal, r.Attempt, number), "aim status %s", s.Name)
	}
	return attempt{
		identity: aim.Identity{Deployment: s.Name, UID: s.UID, Ordinal: ordinal, Attempt: number},
		node:     nodes[number],
	}, nil
}
