package deployment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	sdk "github.com/aim-engine/aim/client"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

// set is several deployments that are declared together. Each carries the name of
// the set in its spec, so that one that is declared no more can be told from those
// that somebody else has made.
type set struct {
	name   string
	source string
	specs  []declared
}

// verb is what applying a set does to one deployment.
type verb string

const (
	verbNew    verb = "new"
	verbChange verb = "change"
	verbSame   verb = "same"
	verbGone   verb = "gone" // declared no more
)

// part is one deployment of a set, and what is to become of it.
type part struct {
	verb   verb
	name   string
	plan   aim.Plan   // of one that is declared
	before aim.Status // of one that runs
}

// newSet checks what can be checked without asking anybody; all mistakes are told.
func newSet(name, source string, specs []declared) (set, error) {
	if name == "" && source != "-" {
		name = aim.NameOf(strings.TrimSuffix(filepath.Base(absolute(source)), filepath.Ext(source)))
	}
	if name == "" {
		return set{}, cli.Usage("a set that is read from standard input needs a name: --set NAME")
	}
	s := set{name: name, source: source}
	seen := map[string]string{}
	var wrong []error
	for _, d := range specs {
		d.spec.Set = name
		if err := checkSpec(d.spec); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", d.where, err))
			continue
		}
		called := d.spec.Defaulted().Name
		if first, taken := seen[called]; taken {
			wrong = append(wrong, cli.Usage("%s: the name %q is taken by %s; give one of them another name", d.where, called, first))
		}
		seen[called] = d.where
		s.specs = append(s.specs, d)
	}
	return s, errors.Join(wrong...)
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// compare asks for the plan of everything that is declared, and finds what is
// declared no more. Nothing is applied when one of the specs cannot be.
func (s set) compare(ctx context.Context, a *cli.App, c client.Client) ([]part, error) {
	running, err := AskAll(ctx, c, sdk.Wanted)
	if err != nil {
		return nil, err
	}
	var parts []part
	var wrong []error
	for _, d := range s.specs {
		p := part{verb: verbNew, name: d.spec.Defaulted().Name}
		if p.plan, err = planned(ctx, a, d.spec, nil); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", d.where, err))
			continue
		}
		if i := slices.IndexFunc(running, func(st aim.Status) bool { return st.Name == p.name }); i >= 0 {
			p.verb, p.before = verbSame, running[i]
			if p.plan.Change != nil && len(p.plan.Change.Fields) > 0 {
				p.verb = verbChange
			}
		}
		parts = append(parts, p)
	}
	for _, st := range running {
		declares := func(p part) bool { return p.name == st.Name }
		if st.Spec.Set == s.name && !slices.ContainsFunc(parts, declares) {
			parts = append(parts, part{verb: verbGone, name: st.Name, before: st})
		}
	}
	return parts, errors.Join(wrong...)
}

// deploySet applies a set: all that is declared, and with prune the end of what is
// declared no more.
func (o deployOptions) deploySet(ctx context.Context, a *cli.App, s set) error {
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	parts, err := s.compare(ctx, a, c)
	if err != nil {
		return err
	}
	if o.dryRun {
		return o.planSet(a, s, parts)
	}
	o.showSet(a, s, parts)
	if err := o.agreeToSet(a, parts); err != nil {
		return err
	}
	ctx, cancel := o.wait.Within(ctx)
	defer cancel()
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.verb == verbGone && !o.prune })
	applied, err := o.applySet(ctx, a, c, parts)
	if o.wait.Detach {
		if a.Programs() {
			return errors.Join(display.List(a.Out, a.Format, applied), err)
		}
		for _, one := range applied {
			a.Out.Println(one.Name)
		}
		return err
	}
	ended, waitErr := o.awaitSet(ctx, a, c, parts, applied)
	err = errors.Join(err, waitErr)
	if a.Programs() {
		return errors.Join(display.List(a.Out, a.Format, ended), err)
	}
	for _, st := range ended {
		for _, r := range st.Replicas {
			if r.Endpoint != "" {
				a.Out.Printf("%s\t%s\n", st.Name, r.Endpoint)
			}
		}
	}
	return err
}

// showSet tells what is going to happen, a line a deployment and the diff of changes.
func (o deployOptions) showSet(a *cli.App, s set, parts []part) {
	a.Hint("set %s, %s:", s.name, display.Count(len(s.specs), "deployment", "deployments"))
	for _, p := range parts {
		switch {
		case p.verb == verbGone && o.prune:
			a.Hint("  end     %s  %s; it is declared no more", p.name, display.Count(len(p.before.Replicas), "replica", "replicas"))
		case p.verb == verbGone:
			a.Hint("  stays   %s  declared no more; --prune ends it", p.name)
		default:
			a.Hint("  %-6s  %s  %s", p.verb, p.name, p.plan.Spec.Model)
		}
		if p.verb == verbChange {
			a.Hint("%s", strings.TrimRight("    "+strings.ReplaceAll(display.Change(a.Err, *p.plan.Change), "\n", "\n    "), "\n "))
		}
	}
}

// agreeToSet asks a person before something that serves is taken down. Where nobody
// can be asked, only --yes ends deployments.
func (o deployOptions) agreeToSet(a *cli.App, parts []part) error {
	ends, down := 0, 0
	for _, p := range parts {
		switch {
		case p.verb == verbGone && o.prune:
			ends++
		case p.verb == verbChange && p.plan.Change.TakesDown():
			down++
		}
	}
	switch {
	case o.yes || ends+down == 0:
		return nil
	case !a.Interactive() && ends == 0:
		return nil
	case !a.Interactive():
		return cli.Next(cli.Usage("--prune would end %s, and nobody can be asked", display.Count(ends, "deployment", "deployments")),
			"%s", strings.Join(append([]string{"aim"}, append(aim.QuoteAll(a.Args), "--yes")...), " "))
	}
	if a.Confirm(fmt.Sprintf("This ends %s and takes down %d that serve. Go on?", display.Count(ends, "deployment", "deployments"), down)) {
		return nil
	}
	return cli.Next(cli.Failed("nothing was changed"), "aim ps")
}

// applySet sends every change. One that is refused keeps none of the others.
func (o deployOptions) applySet(ctx context.Context, a *cli.App, c client.Client, parts []part) (done []workflows.Applied, err error) {
	for _, p := range parts {
		var one workflows.Applied
		var failure error
		if p.verb == verbGone {
			one, failure = sendUpdate(ctx, a, c, p.name, workflows.UpdateStop, workflows.StopRequest{Why: "declared no more"})
		} else {
			one, failure = apply(ctx, a, c, p.plan.Spec)
		}
		if failure != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.name, failure))
			continue
		}
		done = append(done, one)
	}
	return done, err
}

// awaitSet waits until all that was applied is ready, or has ended.
func (o deployOptions) awaitSet(ctx context.Context, a *cli.App, c client.Client, parts []part, applied []workflows.Applied) (ended []aim.Status, err error) {
	for _, one := range applied {
		p := parts[slices.IndexFunc(parts, func(p part) bool { return p.name == one.Name })]
		before := p.before
		if before.UID != one.UID {
			before = aim.Status{}
		}
		reached := ready(ctx, a, c, one.Revision)
		if p.verb == verbGone {
			reached = func(s aim.Status) (bool, error) { return s.Phase.Final(), nil }
		}
		st, failure := await(ctx, a, c, one.Name, before, reached)
		if failure != nil {
			err = errors.Join(err, failure)
			if ctx.Err() != nil {
				return ended, err
			}
			continue
		}
		ended = append(ended, st)
	}
	return ended, err
}

// planSet tells what would happen; the exit code is 3 where something would wait.
func (o deployOptions) planSet(a *cli.App, s set, parts []part) error {
	waits := false
	var plans []aim.Plan
	for _, p := range parts {
		if p.verb == verbGone {
			continue
		}
		plans = append(plans, p.plan)
		for _, d := range p.plan.Placements {
			waits = waits || d.Outcome != aim.Place
		}
	}
	if a.Programs() {
		if err := display.List(a.Out, a.Format, plans); err != nil {
			return err
		}
	} else {
		o.showSet(a, s, parts)
		for _, p := range plans {
			for i, d := range p.Placements {
				a.Out.Printf("%s/%d\t%s\t%s\n", p.Spec.Defaulted().Name, i, d.Outcome, d)
			}
		}
	}
	if waits {
		return cli.Quiet(cli.ExitNoCapacity)
	}
	return nil
}
