package node

import (
	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/container/handover"
)

func NewEnter(*cli.App) *cobra.Command {
	return &cobra.Command{
		Use:         handover.Command + " FOLDER -- COMMAND ARGS...",
		Short:       "Become a server, with the files of a folder in its environment; started in containers that have secrets",
		Example:     "  " + handover.Program + " enter " + handover.Folder + " -- vllm serve Qwen/Qwen3-32B",
		Hidden:      true,
		Args:        cobra.MinimumNArgs(2),
		Annotations: map[string]string{cli.AnnotationBare: "", cli.AnnotationSignals: ""},
		RunE: func(_ *cobra.Command, args []string) error {
			return handover.Enter(args[0], args[1:])
		},
	}
}
