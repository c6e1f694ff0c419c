package node

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

type labelOptions struct{}

func newLabel(a *cli.App) *cobra.Command {
	var o labelOptions
	cmd := &cobra.Command{
		Use:   "label NODE NAME=VALUE... [NAME-...]",
		Short: "Set labels of a node, or take some away",
		Long: `Label sets labels of a node, which deployments may select by (aim deploy
--selector NAME=VALUE), and takes those away whose name a "-" follows. The node
keeps them over restarts. A replica that runs already stays where it is.`,
		Example: "  aim node label n1 rack=r9 trial-",
		Args:    cobra.MinimumNArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0], args[1:]) },
	}
	return a.Prints(cmd, activities.SetNodeResult{}.State)
}

func (o labelOptions) run(ctx context.Context, a *cli.App, id string, words []string) error {
	labels, err := readLabels(words)
	if err != nil {
		return err
	}
	if err := setNode(ctx, a, id, activities.SetNodeRequest{Labels: labels}); err != nil {
		return err
	}
	var told []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if labels[name] == "" {
			told = append(told, "without "+name)
			continue
		}
		told = append(told, name+"="+labels[name])
	}
	a.Hint("%s is labelled %s", id, strings.Join(told, ", "))
	return nil
}

// readLabels reads NAME=VALUE and NAME-; the value of the latter is "".
func readLabels(words []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, w := range words {
		name, value, set := strings.Cut(w, "=")
		switch {
		case set && value == "":
			return nil, cli.Usage("label %s has no value; aim node label NODE %s- takes it away", name, name)
		case !set && !strings.HasSuffix(w, "-"):
			return nil, cli.Usage("%q is no label; write NAME=VALUE, or NAME- to take it away", w)
		case !set:
			name = strings.TrimSuffix(w, "-")
		}
		if name == aim.NodeLabel {
			return nil, cli.Usage("label %q is the node's own id", aim.NodeLabel)
		}
		if _, twice := labels[name]; twice {
			return nil, cli.Usage("label %s is given twice", name)
		}
		labels[name] = value
	}
	return labels, nil
}
