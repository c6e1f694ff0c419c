package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/simulator/hub"
)

type simulateHubOptions struct{ address string }

func newSimulateHub(a *app) *cobra.Command {
	var o simulateHubOptions
	cmd := &cobra.Command{
		Use:         "hub",
		Short:       "Be a model hub with small made-up models",
		Example:     "  aim simulate hub --addr 127.0.0.1:8900",
		Args:        named(),
		Annotations: map[string]string{annotationBare: ""},
		RunE:        func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVar(&o.address, "addr", "127.0.0.1:0", "`address` to listen on")
	return cmd
}

// run prints the address alone on stdout: with port 0 nobody else knows it.
func (o simulateHubOptions) run(ctx context.Context, a *app) error {
	server := hub.New(hub.Config{})
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
