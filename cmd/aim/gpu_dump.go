package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/amdgpu"
)

type gpuDumpOptions struct {
	file    string
	serials bool
}

func newGPUDump(a *app) *cobra.Command {
	var o gpuDumpOptions
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Pack the sysfs files that GPU detection reads into a tar.gz",
		Long: `Dump packs exactly the files that GPU detection reads into a tar.gz, for a bug
report or a test: unpacked, it is a --sysfs-root that gives the same answer.
Hardware ids are replaced by pseudonyms unless --serials is given.`,
		Example: "  aim gpu dump -f gpus.tar.gz",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "write to this file (default stdout)")
	cmd.Flags().BoolVar(&o.serials, "serials", false, "keep the hardware ids")
	sysfsFlag(cmd)
	return cmd
}

// run keeps a binary off the terminal.
func (o gpuDumpOptions) run(ctx context.Context, a *app) error {
	if err := a.checkSysfs(); err != nil {
		return err
	}
	reader := amdgpu.New(a.settings.Node.Sysfs)
	if o.file == "" {
		if a.out.Terminal() {
			return usage("a tar.gz is not for a terminal; give --file, or send it into a pipe")
		}
		return reader.Dump(ctx, a.out, o.serials)
	}
	file, err := os.Create(o.file)
	if err != nil {
		return failed("write the dump: %w", err)
	}
	if err := errors.Join(reader.Dump(ctx, file, o.serials), file.Close()); err != nil {
		return failed("write the dump to %s: %w", o.file, err)
	}
	a.hint("wrote %s", o.file)
	return nil
}
