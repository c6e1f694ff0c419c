package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
)

type endpointsOptions struct{}

func newEndpoints(a *app) *cobra.Command {
	var o endpointsOptions
	return &cobra.Command{
		Use:     "endpoints [NAME]",
		Short:   "List where replicas answer",
		Example: "  aim endpoints qwen3-32b -o jsonl",
		Args:    atMost("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
}

// run reads Temporal and not the inventory: an endpoint is listed from the moment
// at which it has proved itself.
func (o endpointsOptions) run(ctx context.Context, a *app, names []string) error {
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	found, err := o.read(ctx, c, names)
	if err != nil {
		return err
	}
	all := endpointsOf(found)
	if a.programs() {
		return display.List(a.out, a.format, all)
	}
	if len(all) == 0 {
		a.hint("no replica answers\nnext: aim ps")
		return nil
	}
	display.Endpoints(a.out, all)
	if slices.ContainsFunc(found, display.Simulated) {
		a.hint("%s: some of them are stand-ins, and so are their answers", a.err.Warn("SIMULATED"))
	}
	return nil
}

// read asks for one deployment, or for all that run.
func (o endpointsOptions) read(ctx context.Context, c client.Client, names []string) ([]aim.Status, error) {
	if len(names) == 0 {
		return statuses(ctx, c, thoseWanted)
	}
	s, err := status(ctx, c, names[0])
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
