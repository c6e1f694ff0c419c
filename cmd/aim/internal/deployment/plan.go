package deployment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/scheduler"
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
	return cmd
}

// run goes the way of a deployment with pure functions: fleet, ladder, places.
func (o planOptions) run(ctx context.Context, a *cli.App, spec aim.DeploymentSpec) error {
	c, err := recipe.Catalogue(a)
	if err != nil {
		return err
	}
	fleet, note := PlanFleet(ctx, a)
	describe := recipe.FleetModels(ctx, a, fleet)
	if !note.Known {
		describe = recipe.OwnModels(a)
	}
	ladder, err := control.Ladder(ctx, c, describe, spec, fleet)
	if err != nil {
		return recipe.Advise(err)
	}
	p := makePlan(spec, ladder, fleet, note)
	if note.Known {
		noteRunning(ctx, a, spec.Defaulted())
	}
	if p.Rung != nil {
		if p.Args, err = serverArgs(*p.Rung); err != nil {
			return err
		}
	}
	if a.Programs() {
		err = display.Data(a.Out, a.Format, p)
	} else {
		p.Print(a.Out)
	}
	if err != nil {
		return err
	}
	return o.verdict(a, p)
}

// noteRunning says when a deployment of that name runs already: its GPUs are
// counted as taken here, and deploy would change it and not add another.
func noteRunning(ctx context.Context, a *cli.App, spec aim.DeploymentSpec) {
	c, err := a.Temporal(ctx)
	if err != nil {
		return // plan needs no Temporal
	}
	s, err := Ask(ctx, c, spec.Name)
	switch {
	case err != nil || s.Phase.Final():
	case s.Spec.Model != spec.Model:
		a.Hint("%s %s runs already, with %s: deploy would be refused; give this one another --name", a.Err.Warn("note:"), s.Name, s.Spec.Model)
	default:
		a.Hint("%s %s runs already (%s): deploy would change it, not start another; its GPUs count as taken here",
			a.Err.Warn("note:"), s.Name, s.Phase)
	}
}

// verdict turns a plan that cannot be carried out now into the exit code.
func (o planOptions) verdict(a *cli.App, p display.Plan) error {
	for _, d := range p.Placements {
		if d.Outcome != aim.Place {
			a.Hint("\nnext: aim node list")
			return cli.Quiet(cli.ExitNoCapacity)
		}
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
			return strings.Join(append(words, cli.QuoteAll(args[i:])...), " ")
		case arg == "--dry-run":
			continue
		}
		words = append(words, cli.QuoteAll([]string{arg})...)
	}
	return strings.Join(words, " ")
}

// PlanFleet asks for the fleet. A plan without one is still of use.
func PlanFleet(ctx context.Context, a *cli.App) (aim.Fleet, display.FleetNote) {
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return aim.Fleet{}, display.FleetNote{Why: err.Error()}
	}
	note := display.FleetNote{Known: true, Nodes: len(fleet.Nodes)}
	for _, n := range fleet.Nodes {
		note.GPUs += len(n.GPUs)
		note.Simulated = note.Simulated || n.Simulated
	}
	return fleet, note
}

// makePlan walks down the ladder as a replica does: a rung that no node can
// ever hold is left for the next.
func makePlan(spec aim.DeploymentSpec, ladder aim.Ladder, fleet aim.Fleet, note display.FleetNote) display.Plan {
	p := display.Plan{Spec: spec, Ladder: ladder, Fleet: note, Placements: []aim.Decision{}}
	if !note.Known {
		p.Rung = &ladder.Rungs[0]
		return p
	}
	for rung, ok := ladder.At(1); ok; rung, ok = ladder.After(rung.Number, aim.ClassCapacity) {
		decisions, left := PlaceAll(spec, rung, fleet)
		if decisions[0].Outcome != aim.Impossible {
			if last := &decisions[len(decisions)-1]; last.Outcome == aim.Wait {
				last.Cures = append(fitsNow(spec, rung, ladder, left), last.Cures...)
			}
			p.Rung, p.Placements = &rung, decisions
			return p
		}
		p.Skipped = append(p.Skipped, display.Skip{Rung: rung.Number, Recipe: rung.Recipe, Decision: decisions[0]})
	}
	return p
}

// fitsNow names the first other rung that would not have to wait, and how to ask
// for it: a replica waits for the best rung, its user may not want to.
func fitsNow(spec aim.DeploymentSpec, waiting aim.Rung, ladder aim.Ladder, fleet aim.Fleet) []string {
	s := spec.Defaulted()
	for _, a := range ladder.Alternatives(waiting.Number, s, plannedIdentity(s, s.Replicas)) {
		if d := scheduler.Place(a.Request, fleet); d.Outcome == aim.Place {
			return []string{a.On(d.Placement.Ranks[0].Node)}
		}
	}
	return nil
}

// plannedIdentity is of a replica that there is none of yet.
func plannedIdentity(spec aim.DeploymentSpec, ordinal int) aim.Identity {
	return aim.Identity{Deployment: spec.Name, UID: "plan", Ordinal: ordinal, Token: fmt.Sprintf("plan %d", ordinal)}
}

// PlaceAll places the replicas one after the other, each as if those before it
// had been started; left is the fleet after those that have a place.
func PlaceAll(spec aim.DeploymentSpec, rung aim.Rung, fleet aim.Fleet) (all []aim.Decision, left aim.Fleet) {
	s := spec.Defaulted()
	for ordinal := range s.Replicas {
		request := rung.Request(s, plannedIdentity(s, ordinal))
		d := scheduler.Place(request, fleet)
		all = append(all, d)
		if d.Outcome != aim.Place {
			return all, fleet // the others would find no more
		}
		fleet = withClaims(fleet, request, *d.Placement)
	}
	return all, fleet
}

// withClaims is the fleet after the placement; the fleet itself is not changed.
func withClaims(fleet aim.Fleet, r aim.Request, p aim.Placement) aim.Fleet {
	after := aim.Fleet{Nodes: append([]aim.FleetNode(nil), fleet.Nodes...)}
	for i, rank := range p.Ranks {
		for j, n := range after.Nodes {
			if n.ID != rank.Node {
				continue
			}
			claim := aim.Claim{
				Identity: aim.Identity{Deployment: r.Deployment, UID: r.UID, Ordinal: r.Ordinal, Rank: i, Attempt: 1, Token: r.Token},
				GPUs:     rank.GPUs, ShareBytes: rank.ShareBytes, CPUs: r.CPUs, HostBytes: r.HostBytes,
			}
			n.Claims = append(append([]aim.Claim(nil), n.Claims...), claim)
			n.ClaimCPUs += r.CPUs
			n.ClaimBytes += r.HostBytes
			after.Nodes[j] = n
		}
	}
	return after
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
