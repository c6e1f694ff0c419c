package gpu

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type listOptions struct{}

func newList(a *cli.App) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the GPUs of this machine, and the devices that are not offered",
		Long: `List reads the GPUs of this machine from sysfs: what can be given out, and
what is there but is not offered, with the reason. It needs neither ROCm nor a
running node, and changes nothing.`,
		Example: "  aim gpu list --sysfs-root ./captured -o json",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	addSysfsFlag(cmd)
	return a.Prints(cmd, aim.Detection{})
}

func (o listOptions) run(ctx context.Context, a *cli.App) error {
	found, err := Detect(ctx, a)
	if err != nil {
		return err
	}
	if a.Programs() {
		return display.Data(a.Out, a.Format, found)
	}
	display.GPUs(a.Out, found)
	if len(found.GPUs) == 0 {
		a.Hint("next: aim up --simulate 2x8")
	}
	return nil
}
