package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/amdgpu"
	"github.com/aim-engine/aim/internal/display"
)

type gpuListOptions struct{}

func newGPUList(a *app) *cobra.Command {
	var o gpuListOptions
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the GPUs of this machine, and the devices that are not offered",
		Long: `List reads the GPUs of this machine from sysfs: what can be given out, and
what is there but is not offered, with the reason. It needs neither ROCm nor a
running node, and changes nothing.`,
		Example: "  aim gpu list --sysfs-root ./captured -o json",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	sysfsFlag(cmd)
	return cmd
}

func (o gpuListOptions) run(ctx context.Context, a *app) error {
	found, err := a.detect(ctx)
	if err != nil {
		return err
	}
	if a.programs() {
		return display.Data(a.out, a.format, found)
	}
	display.GPUs(a.out, found)
	if len(found.GPUs) == 0 {
		a.hint("next: aim up --simulate 2x8")
	}
	return nil
}

// detect reads the GPUs of this machine, or of the tree that --sysfs-root names.
func (a *app) detect(ctx context.Context) (aim.Detection, error) {
	if err := a.checkSysfs(); err != nil {
		return aim.Detection{}, err
	}
	found, err := amdgpu.New(a.settings.Node.Sysfs).Detect(ctx)
	if err != nil {
		return found, next(failed("read the GPUs below %s: %w", a.settings.Node.Sysfs, err), "aim gpu list --sysfs-root DIR")
	}
	if found.GPUs == nil {
		found.GPUs = []aim.GPU{} // [] and not null
	}
	if found.NotOffered == nil {
		found.NotOffered = []aim.NotOffered{}
	}
	return found, nil
}
