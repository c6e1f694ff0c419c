package simulate

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/simulator"
)

type serverOptions struct{ root string }

// newServer is the stand-in of one backend; title is its name for
// people, and example what a command line of it may look like.
func newServer(a *cli.App, backend, title, example string) *cobra.Command {
	var o serverOptions
	cmd := &cobra.Command{
		Use:         backend + " [--root DIR] -- ARGS...",
		Short:       "Be " + title + " server without a model",
		Example:     "  aim simulate " + backend + " -- " + example,
		Annotations: map[string]string{cli.AnnotationBare: "", cli.AnnotationSignals: ""},
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Quiet(simulator.Serve(cmd.Context(), backend, args, o.env, a.Out, a.Err))
		},
	}
	cmd.Flags().StringVar(&o.root, "root", "", "tree of the simulated node (default $AIM_SIM_ROOT)")
	return cmd
}

// env is the environment, with the flag over it.
func (o *serverOptions) env(name string) string {
	if name == "AIM_SIM_ROOT" && o.root != "" {
		return o.root
	}
	return os.Getenv(name)
}
