// Package key manages the keys of the gateway's clients.
package key

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/admin"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/limit"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("key", "Keys of the gateway's clients", "  aim key create team-a --rpm 600 --tpm 200000",
		newCreate(a), newList(a), newShow(a), newRotate(a), newRevoke(a))
}

type createOptions struct {
	models   []string
	limits   limit.Limits
	expires  string
	priority int
}

func newCreate(a *cli.App) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a key and show it, once",
		Long: `Create makes a key. What opens the gateway is printed on stdout and kept
nowhere; only its hash is. Limits that are not given are none. The first key ends
the time in which a gateway on loopback asks for none.`,
		Example: "  aim key create team-a --models 'qwen3-*' --rpm 600 --tpm 200000 --expires 720h",
		Args:    cli.Named("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, cmd, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.models, "models", nil, "only these `names` or patterns such as org/*; repeatable")
	flags.Int64Var(&o.limits.RPM, "rpm", 0, "requests a minute")
	flags.Int64Var(&o.limits.TPM, "tpm", 0, "tokens a minute, prompt and answer together")
	flags.Int64Var(&o.limits.Concurrency, "concurrency", 0, "requests at once")
	flags.Int64Var(&o.limits.DailyTokens, "daily-tokens", 0, "tokens a UTC day")
	flags.StringVar(&o.expires, "expires", "", "after this `time`: a duration such as 720h, or 2026-12-31")
	flags.IntVar(&o.priority, "priority", 0, "of requests that wait; larger goes first")
	return a.Prints(cmd, admin.NewKey{})
}

func (o createOptions) run(ctx context.Context, a *cli.App, cmd *cobra.Command, name string) error {
	for _, flag := range []string{"rpm", "tpm", "concurrency", "daily-tokens"} {
		if f := cmd.Flags().Lookup(flag); f.Changed && f.Value.String() == "0" {
			return cli.Usage("--%s 0 would let nothing through; leave it out for no limit, or revoke the key", flag)
		}
	}
	expires, err := readExpiry(o.expires, a.Now())
	if err != nil {
		return err
	}
	c, err := a.Admin()
	if err != nil {
		return err
	}
	made, err := c.CreateKey(ctx, access.Key{Name: name, Models: o.models, Limits: o.limits, Expires: expires, Priority: o.priority})
	if err != nil {
		return cli.AdminError("make key "+name, err)
	}
	return showSecret(a, made)
}

// readExpiry takes a duration from now, a date or a time.
func readExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, cli.Usage("--expires %q is neither a duration such as 720h nor a date such as 2026-12-31", text)
}

// showSecret prints what opens the gateway, alone, on stdout.
func showSecret(a *cli.App, made admin.NewKey) error {
	if a.Programs() {
		return display.Data(a.Out, a.Format, made)
	}
	a.Out.Printf("%s\n", made.Secret)
	a.Hint("this is the only time it is shown\nexport OPENAI_API_KEY=...   # the line above")
	return nil
}

func newList(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the keys", Example: "  aim key list -o json", Args: cli.Named(),
		RunE: func(cmd *cobra.Command, _ []string) error { return list(cmd.Context(), a) },
	}
	return a.Prints(cmd, []access.Key{})
}

func list(ctx context.Context, a *cli.App) error {
	c, err := a.Admin()
	if err != nil {
		return err
	}
	keys, err := c.Keys(ctx)
	if err != nil {
		return cli.AdminError("list keys", err)
	}
	return show(a, keys)
}

func newShow(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show one key, without what opens the gateway", Example: "  aim key show team-a", Args: cli.Named("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Admin()
			if err != nil {
				return err
			}
			k, err := c.Key(cmd.Context(), args[0])
			if err != nil {
				return cli.AdminError("show key "+args[0], err)
			}
			return show(a, []access.Key{k})
		},
	}
	return a.Prints(cmd, []access.Key{})
}

func newRotate(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate NAME", Short: "Give a key another secret; the one before opens nothing any more",
		Example: "  aim key rotate team-a", Args: cli.Named("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Admin()
			if err != nil {
				return err
			}
			made, err := c.RotateKey(cmd.Context(), args[0])
			if err != nil {
				return cli.AdminError("rotate key "+args[0], err)
			}
			return showSecret(a, made)
		},
	}
	return a.Prints(cmd, admin.NewKey{})
}

func newRevoke(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "Take a key away; gateways know within a second",
		Example: "  aim key revoke team-a", Args: cli.Named("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Admin()
			if err != nil {
				return err
			}
			if err := c.RevokeKey(cmd.Context(), args[0]); err != nil {
				return cli.AdminError("revoke key "+args[0], err)
			}
			a.Hint("key %s opens nothing any more", args[0])
			return nil
		},
	}
}

func show(a *cli.App, keys []access.Key) error {
	for i := range keys {
		keys[i].Hash = "" // of no use to anybody who reads a list
	}
	if a.Programs() {
		return display.List(a.Out, a.Format, keys)
	}
	if len(keys) == 0 {
		a.Hint("there is no key; a gateway on loopback asks for none\nnext: aim key create NAME")
		return nil
	}
	t := display.Table{Header: []string{"NAME", "MODELS", "LIMITS", "PRIORITY", "EXPIRES", "CREATED"}}
	for _, k := range keys {
		t.Add(k.Name, orAll(k.Models), describeLimits(k.Limits), fmt.Sprint(k.Priority), dateOr(k.Expires, "never"), dateOr(k.Created, ""))
	}
	t.Print(a.Out)
	return nil
}

func orAll(models []string) string {
	if len(models) == 0 {
		return "all"
	}
	return strings.Join(models, " ")
}

func describeLimits(l limit.Limits) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{{l.RPM, "requests/min"}, {l.TPM, "tokens/min"}, {l.Concurrency, "at once"}, {l.DailyTokens, "tokens/day"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func dateOr(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return t.UTC().Format("2006-01-02 15:04")
}
