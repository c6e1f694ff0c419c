package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/display"
)

type doctorOptions struct{}

func newDoctor(a *app) *cobra.Command {
	var o doctorOptions
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check everything that AIM Engine needs, one line each",
		Long: `Doctor checks settings, Temporal, NATS, control, nodes, GPUs and Docker, and says
for everything that is not well what to do. It changes nothing. The exit code is
1 when something that is needed is missing.`,
		Example: "  aim doctor -o jsonl",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
}

// finding is one line of `aim doctor`.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, note (may well be meant so), bad
	Text  string `json:"text"`
	Next  string `json:"next,omitempty"`
}

// States of a finding.
const (
	stateOK   = "ok"
	stateNote = "note"
	stateBad  = "bad"
)

// run prints each line as soon as it is known: a check that has to wait for a
// timeout should not hide what was found before it.
func (o doctorOptions) run(ctx context.Context, a *app) error {
	var all []finding
	for _, check := range []func(context.Context, *app) finding{
		checkState, checkTemporal, checkControl, checkOrder, checkNATS, checkNodes, checkGPUs, checkDocker, checkHub,
	} {
		f := check(ctx, a)
		all = append(all, f)
		if !a.programs() {
			printFinding(a.out, f)
		}
	}
	if a.programs() {
		if err := display.List(a.out, a.format, all); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(all, func(f finding) bool { return f.State == stateBad }) {
		return quiet(exitFailed)
	}
	return nil
}

// printFinding puts the next command below the line it belongs to.
func printFinding(o *display.Output, f finding) {
	marks := map[string]string{stateOK: o.Good("ok  "), stateNote: o.Warn("note"), stateBad: o.Bad("bad ")}
	o.Printf("%s  %-9s %s\n", marks[f.State], f.Check, f.Text)
	if f.Next != "" {
		o.Printf("                next: %s\n", f.Next)
	}
}
