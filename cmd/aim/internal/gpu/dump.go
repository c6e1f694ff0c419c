package gpu

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/amdgpu"
)

type dumpOptions struct {
	file    string
	serials bool
}

func newDump(a *cli.App) *cobra.Command {
	var o dumpOptions
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Pack the sysfs files that GPU detection reads into a tar.gz",
		Long: `Dump packs exactly the files that GPU detection reads into a tar.gz, for a bug
report or a test: unpacked, it is a --sysfs-root that gives the same answer.
Hardware ids are replaced by pseudonyms unless --serials is given.`,
		Example: "  aim gpu dump -f gpus.tar.gz",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "write to this file (default stdout)")
	cmd.Flags().BoolVar(&o.serials, "serials", false, "keep the hardware ids")
	addSysfsFlag(cmd)
	return cmd
}

// run keeps a binary off the terminal.
func (o dumpOptions) run(ctx context.Context, a *cli.App) error {
	if err := a.CheckSysfs(); err != nil {
		return err
	}
	reader := amdgpu.New(a.Settings.Node.Sysfs)
	if o.file == "" {
		if a.Out.Terminal() {
			return cli.Usage("a tar.gz is not for a terminal; give --file, or send it into a pipe")
		}
		return reader.Dump(ctx, a.Out, o.serials)
	}
	file, err := os.Create(o.file)
	if err != nil {
		return cli.Failed("write the dump: %w", err)
	}
	if err := errors.Join(reader.Dump(ctx, file, o.serials), file.Close()); err != nil {
		return cli.Failed("write the dump to %s: %w", o.file, err)
	}
	a.Hint("wrote %s", o.file)
	return nil
}
