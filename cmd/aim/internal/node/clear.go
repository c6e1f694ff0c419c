package node

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

type clearOptions struct{}

func newClear(a *cli.App) *cobra.Command {
	var o clearOptions
	cmd := &cobra.Command{
		Use:   "clear NODE [GPU...]",
		Short: "Take GPUs of a node out of quarantine, or accept their errors; all of them by default",
		Long: `Clear gives out GPUs again that the node has put into quarantine, and accepts the
uncorrectable errors that they have counted so far: only more errors take them out
again. What else is wrong with a GPU, or a stranger on it, still keeps it out.`,
		Example: "  aim node clear n1 GPU-2e32dca6850926fc",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0], args[1:]) },
	}
	return a.Prints(cmd, activities.SetNodeResult{}.State)
}

// run clears what is in quarantine or has errors now. A GPU that is still in use
// stays out of placement: the node sees that for itself.
func (o clearOptions) run(ctx context.Context, a *cli.App, id string, gpus []string) error {
	n, err := a.Node(ctx, id)
	if err != nil {
		return err
	}
	if err := refuseStrange(n, gpus); err != nil {
		return err
	}
	if err := refuseUseless(n, gpus); err != nil {
		return err
	}
	if len(gpus) == 0 {
		gpus = clearable(n)
	}
	if len(gpus) == 0 {
		a.Hint("%s has no GPU in quarantine, and none with errors", id)
		if !a.Programs() {
			return nil
		}
	}
	if err := setNode(ctx, a, id, activities.SetNodeRequest{Unquarantine: gpus}); err != nil {
		return err
	}
	if len(gpus) > 0 {
		a.Hint("cleared on %s: %s", id, strings.Join(gpus, " "))
	}
	return nil
}

// refuseStrange refuses ids that no GPU of the node has.
func refuseStrange(n aim.FleetNode, ids []string) error {
	var known []string
	for _, g := range n.GPUs {
		known = append(known, g.ID)
	}
	for _, id := range ids {
		if slices.Contains(known, id) {
			continue
		}
		if near := aim.Nearest(id, known); near != "" {
			return cli.Next(cli.Failed("node %s has no GPU %q; did you mean %q?", n.ID, id, near), "aim node show %s", n.ID)
		}
		return cli.Next(cli.Failed("node %s has no GPU %q", n.ID, id), "aim node show %s", n.ID)
	}
	return nil
}

// refuseUseless refuses GPUs that clearing does not help: nothing is kept against
// them, and what is wrong with them stays.
func refuseUseless(n aim.FleetNode, ids []string) error {
	may := clearable(n)
	for _, g := range n.GPUs {
		if !slices.Contains(ids, g.ID) || slices.Contains(may, g.ID) {
			continue
		}
		switch ok, why := g.Usable(); {
		case ok:
			return cli.Next(aim.Failf(aim.ClassConflict, "%s of %s is in no quarantine and has counted no errors; there is nothing to clear", g.ID, n.ID), "aim node show %s", n.ID)
		case g.Busy != nil:
			return cli.Next(aim.Failf(aim.ClassConflict, "%s of %s is %s; clearing does not end that: end it on %s", g.ID, n.ID, why, n.ID), "aim node show %s", n.ID)
		default:
			return cli.Next(aim.Failf(aim.ClassConflict, "%s of %s cannot be cleared: %s", g.ID, n.ID, why), "aim node show %s", n.ID)
		}
	}
	return nil
}

func clearable(n aim.FleetNode) []string {
	var ids []string
	for _, g := range n.GPUs {
		if g.Health == aim.HealthQuarantined || g.Health == aim.HealthUnhealthy && len(g.Errors) > 0 {
			ids = append(ids, g.ID)
		}
	}
	return ids
}
