package simulate

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/simulator"
)

type holdOptions struct {
	root, name string
	gpu        int
	bytes      uint64
}

func newHold(*cli.App) *cobra.Command {
	var o holdOptions
	cmd := &cobra.Command{
		Use:         "hold",
		Short:       "Be a foreign program that holds memory of a simulated GPU",
		Example:     "  aim simulate hold --root ~/.local/state/aim/simulated/n1/tree --gpu 3 --bytes 8000000000",
		Args:        cli.Named(),
		Annotations: map[string]string{cli.AnnotationBare: ""},
		RunE:        func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.root, "root", "", "tree of the simulated node")
	flags.IntVar(&o.gpu, "gpu", 0, "number of the GPU in the node, from 0")
	flags.Uint64Var(&o.bytes, "bytes", 1<<30, "memory to hold")
	flags.StringVar(&o.name, "name", "python3", "name that the process takes")
	return cmd
}

// run holds the memory until it is interrupted or killed.
func (o holdOptions) run(ctx context.Context) error {
	if o.root == "" {
		return cli.Usage("--root is missing: the tree of a simulated node, DIR/simulated/NODE/tree")
	}
	if err := simulator.HoldForeign(ctx, o.root, o.gpu, o.bytes, o.name); err != nil {
		return cli.Failed("%w", err)
	}
	return nil
}
