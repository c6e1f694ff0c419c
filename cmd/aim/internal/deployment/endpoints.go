package deployment

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	sdk "github.com/aim-engine/aim/client"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type endpointsOptions struct{}

func NewEndpoints(a *cli.App) *cobra.Command {
	var o endpointsOptions
	cmd := &cobra.Command{
		Use:     "endpoints [NAME]",
		Short:   "List where replicas answer",
		Example: "  aim endpoints qwen3-32b -o jsonl",
		Args:    cli.AtMost("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
	return a.Prints(cmd, []aim.Endpoint{})
}

// run reads Temporal and not the inventory: an endpoint is listed from the moment
// at which it has proved itself.
func (o endpointsOptions) run(ctx context.Context, a *cli.App, names []string) error {
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	found, err := o.read(ctx, c, names)
	if err != nil {
		return err
	}
	all := endpointsOf(found)
	if a.Programs() {
		return display.List(a.Out, a.Format, all)
	}
	if len(all) == 0 {
		a.Hint("no replica answers\nnext: aim ps")
		return nil
	}
	display.Endpoints(a.Out, all)
	if slices.ContainsFunc(found, display.Simulated) {
		a.Hint("%s: some of them are stand-ins, and so are their answers", a.Err.Warn("SIMULATED"))
	}
	return nil
}

// read asks for one deployment, or for all that run.
func (o endpointsOptions) read(ctx context.Context, c client.Client, names []string) ([]aim.Status, error) {
	if len(names) == 0 {
		return AskAll(ctx, c, sdk.Wanted)
	}
	s, err := Ask(ctx, c, names[0])
	return []aim.Status{s}, err
}

// endpointsOf lists the replicas that have proved that they answer.
func endpointsOf(all []aim.Status) []aim.Endpoint {
	var found []aim.Endpoint
	for _, s := range all {
		for _, r := range s.Replicas {
			if r.Endpoint == "" {
				continue
			}
			found = append(found, aim.Endpoint{
				Identity: aim.Identity{Deployment: s.Name, UID: s.UID, Ordinal: r.Ordinal, Attempt: r.Attempt},
				URL:      r.Endpoint, Model: r.Serves, Backend: s.Spec.Backend,
				Healthy: r.Phase == aim.Ready, Reason: r.Reason,
			})
		}
	}
	return found
}
