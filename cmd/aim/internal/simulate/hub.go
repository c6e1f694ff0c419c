package simulate

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
	"github.com/aim-engine/aim/internal/simulator/hub"
)

type hubOptions struct{ address string }

func newHub(a *cli.App) *cobra.Command {
	var o hubOptions
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Be a model hub with small made-up models",
		Long: `Hub serves models with made-up weights of a few KiB: those of the catalogue, and
any name of the owners "simulated" and "gated". Nobody has access to the latter.`,
		Example: "  aim simulate hub --addr 127.0.0.1:8900",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVar(&o.address, "addr", "127.0.0.1:0", "`address` to listen on")
	return cmd
}

// run prints the address alone on stdout: with port 0 nobody else knows it.
func (o hubOptions) run(ctx context.Context, a *cli.App) error {
	c, err := recipe.Catalogue(a)
	if err != nil {
		return err
	}
	server := hub.New(hub.Config{Lookup: modelsOf(c.Names())})
	url, err := server.Listen(ctx, o.address)
	if err != nil {
		return cli.Failed("%w", err)
	}
	a.Out.Println(url)
	a.Hint("SIMULATED model hub; export HF_ENDPOINT=%s", url)
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
