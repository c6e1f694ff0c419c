package node

import (
	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/runtime/process"
)

func NewShim(*cli.App) *cobra.Command {
	return &cobra.Command{
		Use:         "shim FOLDER",
		Short:       "Lead one server of the process runtime; started by the node agent",
		Example:     "  aim shim /var/lib/aim/node/servers/aim-qwen3-32b-0-4f1c2a9d-1",
		Hidden:      true,
		Args:        cli.Named("FOLDER"),
		Annotations: map[string]string{cli.AnnotationBare: "", cli.AnnotationSignals: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Quiet(process.Shim(cmd.Context(), args[0]))
		},
	}
}
