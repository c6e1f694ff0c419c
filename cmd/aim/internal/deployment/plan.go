package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/worker"
)

type planOptions struct{ spec SpecFlags }

func NewPlan(a *cli.App) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan MODEL [flags] [-- SERVER OPTIONS]",
		Short: "Say what deploy would do, and why, and change nothing",
		Long: `Plan says what deploy would do: recipe, GPUs, memory, image, arguments and
place, and what would be tried next. It changes nothing. Without a fleet that
answers it tells all but the place. The exit code is 3 when there is no room or
no recipe.`,
		Example: "  aim plan meta-llama/Llama-3.3-70B-Instruct --gpus 4",
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := o.spec.Read(cmd, args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), a, spec)
		},
	}
	o.spec.Add(cmd)
	recipe.AddFlag(cmd)
	return a.Prints(cmd, aim.Plan{})
}

// run asks the control process that leads.
func (o planOptions) run(ctx context.Context, a *cli.App, spec aim.DeploymentSpec) error {
	p, err := planned(ctx, a, spec, recipe.OwnModels(a))
	if err != nil {
		return err
	}
	if p.Rung != nil {
		if p.Args, err = serverArgs(*p.Rung); err != nil {
			return err
		}
	}
	if a.Programs() {
		err = display.Data(a.Out, a.Format, p)
	} else {
		display.Plan(a.Out, p)
	}
	if err != nil {
		return err
	}
	return o.verdict(a, p)
}

// planWithin is how long the leader may take: it may ask nodes, and they the hub,
// about a model that it does not know.
const planWithin = 30 * time.Second

// planned is what deploying the spec would do, by the leader's word. Where no
// process that leads answers, or folders of recipes are given here, it is this
// machine's answer, and says so; alone describes models where no fleet answers
// either.
func planned(ctx context.Context, a *cli.App, spec aim.DeploymentSpec, alone control.Describe) (aim.Plan, error) {
	if a.Settings.Source("control.recipes") == "--recipes" {
		return plannedHere(ctx, a, spec, alone, "this machine, by the recipes of --recipes; control has folders of its own (aim control run --recipes)")
	}
	p, led, err := askPlan(ctx, a, spec)
	if led || errors.Is(err, context.Canceled) {
		return p, recipe.Advise(err)
	}
	return plannedHere(ctx, a, spec, alone, "this machine, which knows neither who waits nor what runs: "+err.Error())
}

// askPlan puts the question to the leader; led tells whether one has answered.
func askPlan(ctx context.Context, a *cli.App, spec aim.DeploymentSpec) (p aim.Plan, led bool, err error) {
	conn, err := a.NATS(ctx)
	if err != nil {
		return p, false, err
	}
	question, err := json.Marshal(activities.PlanQuestion{Spec: spec})
	if err != nil {
		return p, false, cli.Failed("ask for a plan: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, planWithin)
	defer cancel()
	answer, led, err := inventory.AskLeader(ctx, conn, activities.QuestionPlan, question)
	if err == nil {
		err = json.Unmarshal(answer, &p)
	}
	return p, led, err
}

// plannedHere goes the same way with what this machine knows.
func plannedHere(ctx context.Context, a *cli.App, spec aim.DeploymentSpec, alone control.Describe, local string) (aim.Plan, error) {
	c, err := recipe.Catalogue(a)
	if err != nil {
		return aim.Plan{}, err
	}
	fleet, err := a.Fleet(ctx)
	describe := recipe.FleetModels(ctx, a, fleet)
	if err != nil {
		describe = alone
	}
	ladder, unfit := control.Ladder(ctx, c, describe, spec, fleet)
	switch {
	case unfit != nil:
		return aim.Plan{}, recipe.Advise(unfit)
	case err != nil:
		return aim.Plan{
			Spec: spec, Rung: &ladder.Rungs[0], Ladder: ladder, Placements: []aim.Decision{}, Fleet: aim.PlanFleet{Why: err.Error()}, Local: local,
		}, nil
	}
	p := control.MakePlan(control.OnFleet(fleet), spec, ladder, nil, a.Now())
	p.Local = local
	return p, nil
}

// verdict turns a plan that cannot be carried out now into the exit code.
func (o planOptions) verdict(a *cli.App, p aim.Plan) error {
	for _, d := range p.Placements {
		if d.Outcome != aim.Place {
			a.Hint("\nnext: aim node list")
			return cli.Quiet(cli.ExitNoCapacity)
		}
	}
	if p.Change != nil && p.Rung == nil && len(p.Skipped) == 0 {
		return o.unplaced(a, p)
	}
	if p.Rung == nil {
		a.Hint("\nnext: aim node list")
		return cli.Quiet(cli.ExitNoCapacity)
	}
	if !p.Fleet.Known {
		a.Hint("\nnext: aim up")
		return nil
	}
	a.Hint("\nnext: %s", deployLike(a.Args))
	return nil
}

// unplaced is the end of a plan that starts no server.
func (o planOptions) unplaced(a *cli.App, p aim.Plan) error {
	if len(p.Change.Fields) > 0 {
		a.Hint("\nnext: %s", deployLike(a.Args))
		return nil
	}
	a.Hint("\nnext: aim status %s", p.Spec.Defaulted().Name)
	return nil
}

// deployLike is the command that carries out what was planned with these
// arguments.
func deployLike(args []string) string {
	words := []string{"aim"}
	verb, skip := false, false
	for i, arg := range args {
		switch {
		case skip:
			skip = false
			continue
		case arg == "--recipes": // control has folders of its own
			skip = true
			continue
		case strings.HasPrefix(arg, "--recipes="):
			continue
		case !verb && (arg == "plan" || arg == "deploy"):
			verb, arg = true, "deploy"
		case arg == "--":
			return strings.Join(append(words, aim.QuoteAll(args[i:])...), " ")
		case arg == "--dry-run":
			continue
		}
		words = append(words, aim.QuoteAll([]string{arg})...)
	}
	return strings.Join(words, " ")
}

// serverArgs is the command line of the server, as its node would write it, but
// for the address: that is the node's to choose.
func serverArgs(rung aim.Rung) ([]string, error) {
	args, _, err := worker.Backends()[rung.Backend].Args(rung, "", 0)
	if err != nil {
		return nil, cli.Next(err, "aim recipe show %s", rung.Recipe)
	}
	return withoutAddress(args), nil
}

// withoutAddress leaves out where the server listens.
func withoutAddress(args []string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		if slices.Contains([]string{"--host", "--hostname", "--port"}, args[i]) {
			i++
			continue
		}
		kept = append(kept, args[i])
	}
	return kept
}
