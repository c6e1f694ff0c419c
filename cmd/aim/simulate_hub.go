package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/simulator/hub"
)

type simulateHubOptions struct{ address string }

func newSimulateHub(a *app) *cobra.Command {
	var o simulateHubOptions
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Be a model hub with small made-up models",
		Long: `Hub serves models with made-up weights of a few KiB: those of the catalogue, and
any name of the owners "simulated" and "gated". Nobody has access to the latter.`,
		Example: "  aim simulate hub --addr 127.0.0.1:8900",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVar(&o.address, "addr", "127.0.0.1:0", "`address` to listen on")
	return cmd
}

// run prints the address alone on stdout: with port 0 nobody else knows it.
func (o simulateHubOptions) run(ctx context.Context, a *app) error {
	c, err := a.catalogue()
	if err != nil {
		return err
	}
	server := hub.New(hub.Config{Lookup: modelsOf(c.Names())})
	url, err := server.Listen(ctx, o.address)
	if err != nil {
		return failed("%w", err)
	}
	a.out.Println(url)
	a.hint("SIMULATED model hub; export HF_ENDPOINT=%s", url)
	<-ctx.Done()
	server.Wait()
	return nil
}

// Owners of made-up models: any name of theirs exists. Nobody has access to
// those of the second.
const (
	openOwner  = "simulated"
	gatedOwner = "gated"
)

// modelsOf tells which models the stand-in has. Another name is most often a
// typing error, and the real hub would not know it either.
func modelsOf(names []string) func(id string) (hub.Model, bool) {
	return func(id string) (hub.Model, bool) {
		owner, _, _ := strings.Cut(id, "/")
		_, known := slices.BinarySearch(names, id)
		return hub.Model{Gated: owner == gatedOwner}, known || owner == openOwner || owner == gatedOwner
	}
}
