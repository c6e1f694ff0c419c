package deployment

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

type deployOptions struct {
	spec   SpecFlags
	wait   cli.WaitFlags
	dryRun bool
	yes    bool
	prune  bool
}

func NewDeploy(a *cli.App) *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "deploy MODEL [flags] [-- SERVER OPTIONS]",
		Short: "Put a model into service and wait until it answers",
		Long: `Deploy puts a model into service and waits until it answers. The address at
which it does is printed alone on stdout.

What follows -- goes to the server, checked like the options of a recipe.
Deploying again under the same name changes the deployment. Interrupting the
wait does not stop the work.

A file with several YAML documents, or a folder of files, is a set: all of it is
compared with what runs, and applied when every spec of it is in order. With
--prune the deployments of the set end that it declares no more. Sets are told
apart by their name, that of the file or folder unless --set gives one.`,
		Example: "  aim deploy Qwen/Qwen3-32B --gpus 1 -- --max-num-seqs 256",
		RunE: func(cmd *cobra.Command, args []string) error {
			if s, err := o.set(cmd, args); s != nil || err != nil {
				if err != nil {
					return err
				}
				return o.deploySet(cmd.Context(), a, *s)
			}
			spec, err := o.spec.Read(cmd, args)
			if err != nil {
				return err
			}
			if o.dryRun {
				return planOptions{spec: o.spec}.run(cmd.Context(), a, spec)
			}
			return o.run(cmd.Context(), a, spec)
		},
	}
	o.spec.Add(cmd)
	o.wait.Add(cmd)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "only say what would happen, as aim plan does")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask before a change takes down what serves")
	cmd.Flags().BoolVar(&o.prune, "prune", false, "with -f: end the deployments of the set that it declares no more")
	return a.Prints(cmd, aim.Status{}, workflows.Applied{}, aim.Plan{}, []aim.Status{}, []workflows.Applied{}, []aim.Plan{})
}

// set is what -f declares where that is more than one deployment; nil where it is
// one, which flags may change.
func (o *deployOptions) set(cmd *cobra.Command, args []string) (*set, error) {
	if o.spec.file == "" {
		if o.prune {
			return nil, cli.Usage("--prune goes with -f: it ends what a set declares no more")
		}
		return nil, nil
	}
	all, err := o.spec.read(cmd)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(o.spec.file)
	if folder := err == nil && info.IsDir(); len(all) == 1 && !folder && !o.prune {
		return nil, nil
	}
	if given := o.spec.given(cmd); given != "" || len(args) > 0 {
		return nil, cli.Usage("%s declares a set; what is wanted of its deployments stands there and not in %s", o.spec.file, strings.TrimSpace(given+" "+strings.Join(args, " ")))
	}
	s, err := newSet(o.spec.spec.Set, o.spec.file, all)
	return &s, err
}

// run refuses what can be refused here before it writes anything, sends the one
// write, and then only reads.
func (o deployOptions) run(ctx context.Context, a *cli.App, spec aim.DeploymentSpec) error {
	p, err := planned(ctx, a, spec, nil)
	if err != nil {
		return err
	}
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	if err := o.agree(a, p); err != nil {
		return err
	}
	ctx, cancel := o.wait.Within(ctx)
	defer cancel()
	before, _ := Ask(ctx, c, spec.Defaulted().Name) // only what happens from here on is told
	applied, err := apply(ctx, a, c, spec)
	if err != nil {
		return err
	}
	if before.UID != applied.UID {
		before = aim.Status{}
	} else if !applied.Changed {
		a.Hint("nothing to change: %s is wanted like this already", applied.Name)
	}
	if o.wait.Detach {
		return o.detached(a, applied)
	}
	s, err := await(ctx, a, c, applied.Name, before, ready(ctx, a, c, applied.Revision))
	if err != nil {
		return err
	}
	return announce(a, s)
}

// agree shows what a change does to a deployment that runs, and asks a person
// before it takes down what serves.
func (o deployOptions) agree(a *cli.App, p aim.Plan) error {
	if p.Change == nil || len(p.Change.Fields) == 0 {
		return nil
	}
	name := p.Spec.Defaulted().Name
	a.Hint("change of %s:\n%s", name, strings.TrimRight("  "+strings.ReplaceAll(display.Change(a.Err, *p.Change), "\n", "\n  "), "\n "))
	if !p.Change.TakesDown() || o.yes || !a.Interactive() || a.Confirm("This takes down what serves, one after the other. Go on?") {
		return nil
	}
	return cli.Next(cli.Failed("nothing was changed"), "aim status %s", name)
}

// detached answers without waiting.
func (o deployOptions) detached(a *cli.App, applied workflows.Applied) error {
	if a.Programs() {
		return display.Data(a.Out, a.Format, applied)
	}
	a.Out.Println(applied.Name)
	a.Hint("next: aim status %s --watch", applied.Name)
	return nil
}

// announce prints where a deployment answers: addresses on stdout, what to do
// with them on stderr.
func announce(a *cli.App, s aim.Status) error {
	if a.Programs() {
		return display.Data(a.Out, a.Format, s)
	}
	var first *aim.ReplicaStatus
	for i, r := range s.Replicas {
		if r.Endpoint == "" {
			continue
		}
		a.Out.Println(r.Endpoint)
		if first == nil {
			first = &s.Replicas[i]
		}
	}
	if first == nil {
		return nil
	}
	if display.Simulated(s) {
		a.Hint("%s: the GPUs and the model are stand-ins, and so are the answers", a.Err.Warn("SIMULATED"))
	}
	a.Hint("%s", curl(*first))
	return nil
}

// curl is a line to paste that asks the model something.
func curl(r aim.ReplicaStatus) string {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	body, _ := json.Marshal(struct { // strings cannot fail
		Model    string    `json:"model"`
		Messages []message `json:"messages"`
	}{r.Serves, []message{{"user", "Say hello."}}})
	return fmt.Sprintf("curl %s/v1/chat/completions -H 'Content-Type: application/json' -d %s", r.Endpoint, aim.Quote(string(body)))
}
