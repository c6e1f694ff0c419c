// Package gpu has the commands that look at the GPUs of this machine.
package gpu

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/amdgpu"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("gpu", "Look at the GPUs of this machine", "  aim gpu list", newList(a), newDump(a))
}

// addSysfsFlag lets a command read a captured tree instead of this machine.
func addSysfsFlag(cmd *cobra.Command) {
	cmd.Flags().String("sysfs-root", "", "folder above sys/, or sys/ itself (default /)")
	cli.Setting(cmd.Flags(), "sysfs-root", "node.sysfs")
}

// Detect reads the GPUs of this machine, or of the tree that --sysfs-root names.
func Detect(ctx context.Context, a *cli.App) (aim.Detection, error) {
	if err := a.CheckSysfs(); err != nil {
		return aim.Detection{}, err
	}
	found, err := amdgpu.New(a.Settings.Node.Sysfs).Detect(ctx)
	if err != nil {
		return found, cli.Next(cli.Failed("read the GPUs below %s: %w", a.Settings.Node.Sysfs, err), "aim gpu list --sysfs-root DIR")
	}
	if found.GPUs == nil {
		found.GPUs = []aim.GPU{} // [] and not null
	}
	if found.NotOffered == nil {
		found.NotOffered = []aim.NotOffered{}
	}
	return found, nil
}

// CountTypes counts GPUs by type: "8 MI300X".
func CountTypes(gpus []aim.GPU) []string {
	counts := map[string]int{}
	var order []string
	for _, g := range gpus {
		name := g.Type
		if name == "" {
			name = "GPU"
		}
		if counts[name] == 0 {
			order = append(order, name)
		}
		counts[name]++
	}
	for i, name := range order {
		order[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return order
}
