package main

import (
	"strings"

	"github.com/spf13/cobra"

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

func newEnv(a *app) *cobra.Command {
	var o envOptions
	return &cobra.Command{
		Use:     "env",
		Short:   "Print what makes the plain temporal and nats commands find this installation",
		Example: `  eval "$(aim env)" && temporal workflow list`,
		Args:    named(),
		RunE:    func(*cobra.Command, []string) error { return o.run(a) },
	}
}

// run prints shell code on stdout and nothing else, so that eval can take it.
func (o envOptions) run(a *app) error {
	info := envInfo{
		TemporalAddress: a.settings.Temporal.Address, TemporalNamespace: a.settings.Temporal.Namespace, NATSURL: a.settings.NATS.URL,
	}
	if s, err := config.ReadStack(a.settings.Dir); err == nil && s.TemporalAddress == info.TemporalAddress {
		info.UIAddress = s.UIAddress
	}
	if a.programs() {
		return display.Data(a.out, a.format, info)
	}
	a.out.Printf("export TEMPORAL_ADDRESS=%s\nexport TEMPORAL_NAMESPACE=%s\nexport NATS_URL=%s\n",
		quote(info.TemporalAddress), quote(info.TemporalNamespace), quote(info.NATSURL))
	if info.UIAddress != "" {
		a.out.Println("# Temporal UI: " + info.UIAddress)
	}
	if a.settings.Source("temporal.address") == "default" {
		a.hint("these are the usual addresses; nothing was started here\nnext: aim up")
	}
	return nil
}

// quote protects a value from the shell where it needs it.
func quote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/_-@,", r)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
