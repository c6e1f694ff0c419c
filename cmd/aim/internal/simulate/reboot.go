package simulate

import (
	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/machine"
)

type rebootOptions struct{ root string }

func newReboot(*cli.App) *cobra.Command {
	var o rebootOptions
	cmd := &cobra.Command{
		Use:   "reboot",
		Short: "Give a simulated node the boot id of another start of the machine",
		Long: `Reboot gives a simulated node another boot id. Its agent finds it when it starts
anew: end the agent first, and the servers that a reboot would have ended.`,
		Example:     "  aim simulate reboot --root ~/.local/state/aim/simulated/n1/tree",
		Args:        cli.Named(),
		Annotations: map[string]string{cli.AnnotationBare: ""},
		RunE:        func(*cobra.Command, []string) error { return o.run() },
	}
	cmd.Flags().StringVar(&o.root, "root", "", "tree of the simulated node")
	return cmd
}

func (o rebootOptions) run() error {
	if o.root == "" {
		return cli.Usage("--root is missing: the tree of a simulated node, DIR/simulated/NODE/tree")
	}
	if err := machine.Reboot(o.root); err != nil {
		return cli.Failed("%w", err)
	}
	return nil
}
