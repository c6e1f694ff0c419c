package main

import "github.com/spf13/cobra"

func newGPU(a *app) *cobra.Command {
	return group("gpu", "Look at the GPUs of this machine", "  aim gpu list", newGPUList(a), newGPUDump(a))
}

// sysfsFlag lets a command read a captured tree instead of this machine.
func sysfsFlag(cmd *cobra.Command) {
	cmd.Flags().String("sysfs-root", "", "folder above sys/, or sys/ itself (default /)")
	setting(cmd.Flags(), "sysfs-root", "node.sysfs")
}
