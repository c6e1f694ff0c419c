package machine

import (
	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
)

type envOptions struct{}

// envInfo is `aim env -o json`.
type envInfo struct {
	TemporalAddress   string `json:"TEMPORAL_ADDRESS"`
	TemporalNamespace string `json:"TEMPORAL_NAMESPACE"`
	NATSURL           string `json:"NATS_URL"`
	UIAddress         string `json:"ui_address,omitempty"`
}

func NewEnv(a *cli.App) *cobra.Command {
	var o envOptions
	cmd := &cobra.Command{
		Use:     "env",
		Short:   "Print what makes the plain temporal and nats commands find this installation",
		Example: `  eval "$(aim env)" && temporal workflow list`,
		Args:    cli.Named(),
		RunE:    func(*cobra.Command, []string) error { return o.run(a) },
	}
	return a.Prints(cmd, envInfo{})
}

// run prints shell code on stdout and nothing else, so that eval can take it.
func (o envOptions) run(a *cli.App) error {
	info := envInfo{
		TemporalAddress: a.Settings.Temporal.Address, TemporalNamespace: a.Settings.Temporal.Namespace, NATSURL: a.Settings.NATS.URL,
	}
	if s, err := config.ReadStack(a.Settings.Dir); err == nil && s.TemporalAddress == info.TemporalAddress {
		info.UIAddress = s.UIAddress
	}
	if a.Programs() {
		return display.Data(a.Out, a.Format, info)
	}
	a.Out.Printf("export TEMPORAL_ADDRESS=%s\nexport TEMPORAL_NAMESPACE=%s\nexport NATS_URL=%s\n",
		aim.Quote(info.TemporalAddress), aim.Quote(info.TemporalNamespace), aim.Quote(info.NATSURL))
	if info.UIAddress != "" {
		a.Out.Println("# Temporal UI: " + info.UIAddress)
	}
	if a.Settings.Source("temporal.address") == "default" {
		a.Hint("these are the usual addresses; nothing was started here\nnext: aim up")
	}
	return nil
}
