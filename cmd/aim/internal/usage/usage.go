// Package usage tells who used what, and who changed what.
package usage

import (
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/admin"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/store"
)

type options struct {
	by    string
	since time.Duration
	csv   bool
}

// New is the command usage.
func New(a *cli.App) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Tell who used how many tokens of what",
		Long: `Usage sums the requests that gateways have answered, as servers counted their
tokens. A gateway ships its accounts within ten seconds. Interrupted requests are
those that broke off, or whose client left.`,
		Example: "  aim usage --by key --since 24h",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVar(&o.by, "by", string(store.ByKey), "key, model or day")
	cmd.Flags().DurationVar(&o.since, "since", 30*24*time.Hour, "how far back")
	cmd.Flags().BoolVar(&o.csv, "csv", false, "print comma-separated values")
	return a.Prints(cmd, []store.UsageSum{})
}

func (o options) run(ctx context.Context, a *cli.App) error {
	c, err := a.Admin()
	if err != nil {
		return err
	}
	sums, err := c.SumUsage(ctx, store.Grouping(o.by), a.Now().Add(-o.since), time.Time{})
	if err != nil {
		return cli.AdminError("sum the usage", err)
	}
	switch {
	case o.csv:
		return writeCSV(a, o.by, sums)
	case a.Programs():
		return display.List(a.Out, a.Format, sums)
	case len(sums) == 0:
		a.Hint("nothing was used in the last %s", o.since)
		return nil
	}
	t := display.Table{Header: columns(o.by)}
	for _, u := range sums {
		t.Add(row(u)...)
	}
	t.Print(a.Out)
	return nil
}

func columns(by string) []string {
	return []string{by, "requests", "prompt tokens", "cached", "completion tokens", "interrupted"}
}

func row(u store.UsageSum) []string {
	group := u.Group
	if group == "" {
		group = "-" // without a key
	}
	out := []string{group}
	for _, n := range []int64{u.Requests, u.Prompt, u.Cached, u.Completion, u.Interrupted} {
		out = append(out, strconv.FormatInt(n, 10))
	}
	return out
}

func writeCSV(a *cli.App, by string, sums []store.UsageSum) error {
	w := csv.NewWriter(a.Out)
	_ = w.Write(columns(by)) // Flush tells
	for _, u := range sums {
		_ = w.Write(row(u))
	}
	w.Flush()
	return w.Error()
}

// NewAudit is the command audit.
func NewAudit(a *cli.App) *cobra.Command {
	return cli.Group("audit", "The log of who changed what", "  aim audit verify", newLog(a), newVerify(a))
}

func newLog(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the audit log, oldest first", Example: "  aim audit list -o jsonl", Args: cli.Named(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.Admin()
			if err != nil {
				return err
			}
			var all []store.AuditEntry
			for after := int64(0); ; {
				page, err := c.Audit(cmd.Context(), after)
				if err != nil {
					return cli.AdminError("read the audit log", err)
				}
				if len(page) == 0 {
					break
				}
				all, after = append(all, page...), page[len(page)-1].Number
			}
			if a.Programs() {
				return display.List(a.Out, a.Format, all)
			}
			t := display.Table{Header: []string{"NUMBER", "AT", "BY", "WHAT"}}
			for _, e := range all {
				t.Add(fmt.Sprint(e.Number), e.At.UTC().Format(time.RFC3339), e.By, e.What)
			}
			t.Print(a.Out)
			return nil
		},
	}
	return a.Prints(cmd, []store.AuditEntry{})
}

func newVerify(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that no entry of the audit log was changed or taken out",
		Example: "  aim audit verify", Args: cli.Named(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.Admin()
			if err != nil {
				return err
			}
			v, err := c.VerifyAudit(cmd.Context())
			if err != nil {
				return cli.AdminError("check the audit log", err)
			}
			if a.Programs() {
				return display.Data(a.Out, a.Format, v)
			}
			if v.Broken != "" {
				return cli.Next(cli.Failed("%d entries of the audit log hold; then: %s", v.Entries, v.Broken), "aim audit list")
			}
			a.Out.Printf("%s of the audit log hold\n", display.Count(int(v.Entries), "entry", "entries"))
			return nil
		},
	}
	return a.Prints(cmd, admin.Verified{})
}
