package main

import (
	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/runtime/process"
)

func newShim(*app) *cobra.Command {
	return &cobra.Command{
		Use:         "shim FOLDER",
		Short:       "Lead one server of the process runtime; started by the node agent",
		Example:     "  aim shim /var/lib/aim/node/servers/aim-qwen3-32b-0-4f1c2a9d-1",
		Hidden:      true,
		Args:        named("FOLDER"),
		Annotations: map[string]string{annotationBare: "", annotationSignals: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			return quiet(process.Shim(cmd.Context(), args[0]))
		},
	}
}
