package machine

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/worker"
)

type versionOptions struct{}

// versionInfo is `aim version -o json`.
type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}

func NewVersion(a *cli.App) *cobra.Command {
	var o versionOptions
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  aim version -o json",
		Args:    cli.Named(),
		RunE:    func(*cobra.Command, []string) error { return o.run(a) },
	}
	return a.Prints(cmd, versionInfo{})
}

// run needs no connection: it is the first thing a bug report asks for.
func (o versionOptions) run(a *cli.App) error {
	v := buildVersion()
	if a.Programs() {
		return display.Data(a.Out, a.Format, v)
	}
	note := v.Go
	if v.Commit != "" {
		note = v.Commit[:min(len(v.Commit), 13)] + ", " + note
	}
	a.Out.Printf("aim %s (%s)\n", v.Version, note)
	return nil
}

// buildVersion is what the build has set, and what Go knows of the source.
func buildVersion() versionInfo {
	v := versionInfo{Version: worker.Version, Commit: worker.Commit, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok || v.Commit != "" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
