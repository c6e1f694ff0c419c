// Package alias manages names that lead to deployments.
package alias

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/display"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("alias", "Names that clients ask for, by what they lead to", "  aim alias set chat=qwen3-32b:90,qwen3-32b-new:10",
		newSet(a), newList(a), newRemove(a))
}

func newSet(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME=DEPLOYMENT[:WEIGHT][,DEPLOYMENT[:WEIGHT]]...",
		Short: "Add or change an alias",
		Long: `Set makes a name lead to deployments, or to other names. Requests are shared by
weight (1 where none is given); where one deployment has no healthy replica or
all are busy, the others answer. A weight of 0 is only ever such a fallback.`,
		Example: "  aim alias set chat=qwen3-32b:90,qwen3-32b-new:10",
		Args:    cli.Named("NAME=DEPLOYMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			alias, err := access.ParseAlias(args[0])
			if err != nil {
				return cli.Usage("%w", err)
			}
			c, err := a.Admin()
			if err != nil {
				return err
			}
			if err := c.SetAlias(cmd.Context(), alias); err != nil {
				return cli.AdminError("set alias "+alias.Name, err)
			}
			a.Hint("%s leads to %s", alias.Name, describe(alias))
			return nil
		},
	}
}

func newList(a *cli.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List the aliases", Example: "  aim alias list", Args: cli.Named(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.Admin()
			if err != nil {
				return err
			}
			all, err := c.Aliases(cmd.Context())
			if err != nil {
				return cli.AdminError("list aliases", err)
			}
			if a.Programs() {
				return display.List(a.Out, a.Format, all)
			}
			if len(all) == 0 {
				a.Hint("there is no alias\nnext: aim alias set NAME=DEPLOYMENT")
				return nil
			}
			t := display.Table{Header: []string{"NAME", "LEADS TO"}}
			for _, alias := range all {
				t.Add(alias.Name, describe(alias))
			}
			t.Print(a.Out)
			return nil
		},
	}
	return a.Prints(cmd, []access.Alias{})
}

func newRemove(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Aliases: []string{"rm"}, Short: "Take an alias away", Example: "  aim alias remove chat", Args: cli.Named("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Admin()
			if err != nil {
				return err
			}
			return cli.AdminError("remove alias "+args[0], c.DeleteAlias(cmd.Context(), args[0]))
		},
	}
}

func describe(a access.Alias) string {
	var parts []string
	for _, w := range a.To {
		parts = append(parts, fmt.Sprintf("%s:%d", w.Name, w.Weight))
	}
	return strings.Join(parts, ", ")
}
