// Package machine has the commands about this installation: doctor, env and
// version.
package machine

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type doctorOptions struct{}

func NewDoctor(a *cli.App) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that AIM Engine needs, one line each",
		Long: `Doctor checks settings, Temporal, NATS, control, nodes, GPUs and Docker, and says
for everything that is not well what to do. It changes nothing. The exit code is
1 when something that is needed is missing.`,
		Example: "  aim doctor -o jsonl",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	return a.Prints(cmd, []Finding{})
}

// Finding is one line of `aim doctor`.
type Finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, note (may well be meant so), bad
	Text  string `json:"text"`
	Next  string `json:"next,omitempty"`
}

// States of a finding.
const (
	StateOK   = "ok"
	StateNote = "note"
	StateBad  = "bad"
)

// run prints each line as soon as it is known: a check that has to wait for a
// timeout should not hide what was found before it.
func (o doctorOptions) run(ctx context.Context, a *cli.App) error {
	var all []Finding
	for _, check := range []func(context.Context, *cli.App) Finding{
		checkState, checkTemporal, checkControl, checkOrder, checkNATS, checkNodes, checkGPUs, checkDocker, checkHub,
	} {
		f := check(ctx, a)
		all = append(all, f)
		if !a.Programs() {
			printFinding(a.Out, f)
		}
	}
	if a.Programs() {
		if err := display.List(a.Out, a.Format, all); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(all, func(f Finding) bool { return f.State == StateBad }) {
		return cli.Quiet(cli.ExitFailed)
	}
	return nil
}

// printFinding puts the next command below the line it belongs to.
func printFinding(o *display.Output, f Finding) {
	marks := map[string]string{StateOK: o.Good("ok  "), StateNote: o.Warn("note"), StateBad: o.Bad("bad ")}
	o.Printf("%s  %-9s %s\n", marks[f.State], f.Check, f.Text)
	if f.Next != "" {
		o.Printf("                next: %s\n", f.Next)
	}
}
