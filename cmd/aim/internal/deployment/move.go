package deployment

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/workflows"
)

type moveOptions struct {
	request workflows.MoveRequest
	first   bool // no replica was named
	wait    cli.WaitFlags
}

func NewMove(a *cli.App) *cobra.Command {
	var o moveOptions
	cmd := &cobra.Command{
		Use:   "move NAME",
		Short: "Take one replica of a deployment to another node",
		Long: `Move takes one replica of a deployment to another node. Another replica starts
there and proves that it answers before the first one stops; where there is no
room for it, nothing changes. With --evict the replica stops first, and then
waits for a place behind those who come before it.`,
		Example: `  aim move qwen3-32b --replica 1 --why "n3 goes into repair"`,
		Args:    cli.Named("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.first = !cmd.Flags().Changed("replica")
			return o.run(cmd.Context(), a, args[0])
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.request.Ordinal, "replica", 0, "which replica; the first one where it is not told")
	f.StringVar(&o.request.Off, "off", "", "only if it is still on this `NODE`")
	f.StringVar(&o.request.To, "to", "", "go to this `NODE`, and nowhere else")
	f.BoolVar(&o.request.Evict, "evict", false, "stop it first; the deployment's min_available stays")
	f.StringVar(&o.request.Why, "why", "", "the reason, for the history")
	o.wait.Add(cmd)
	return a.Prints(cmd, aim.Status{}, workflows.Applied{})
}

func (o moveOptions) run(ctx context.Context, a *cli.App, name string) error {
	if o.first {
		s, err := AskNamed(ctx, a, name)
		if err != nil {
			return err
		}
		o.request.Ordinal = firstReplica(s)
	}
	return change(ctx, a, name, workflows.UpdateMove, o.request, o.wait, o.left)
}

// left is the goal beside being ready: the replica is gone. One that is evicted
// comes back under its own number.
func (o moveOptions) left(s aim.Status) (bool, error) {
	stays := slices.ContainsFunc(s.Replicas, func(r aim.ReplicaStatus) bool { return r.Ordinal == o.request.Ordinal })
	if stays && !o.request.Evict {
		return false, &cli.Problem{Err: cli.Failed("%s", s.Reason), Next: "aim node list", Code: cli.ExitNoCapacity}
	}
	return true, nil
}
