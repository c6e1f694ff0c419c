// Package deployment has the commands that plan, make, read and change
// deployments. They read and write through Temporal alone; logs come from the
// nodes over NATS.
package deployment

import (
	"context"
	"errors"
	"strings"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	sdk "github.com/aim-engine/aim/client"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/workflows"
)

// AskNamed connects, and asks a deployment how it is.
func AskNamed(ctx context.Context, a *cli.App, name string) (aim.Status, error) {
	c, err := a.Temporal(ctx)
	if err != nil {
		return aim.Status{}, err
	}
	return Ask(ctx, c, name)
}

// Ask asks a deployment how it is. It answers for finished ones too.
func Ask(ctx context.Context, c client.Client, name string) (aim.Status, error) {
	if !aim.IsLabel(name) {
		return aim.Status{}, Missing(ctx, c, name)
	}
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	s, err := sdk.New(c).Status(ctx, name)
	if err == nil {
		tellNow(ctx, c, &s)
	}
	return s, explainQuery(ctx, c, name, err)
}

// askedNow is how many replicas of a deployment are asked what they wait for:
// those of one deployment wait for the same.
const askedNow = 4

// tellNow replaces the reasons of replicas that wait by those of now, which they
// tell with the heartbeats of their step: why there is no place, or what a server
// that is to be proved does, and answers.
func tellNow(ctx context.Context, c client.Client, s *aim.Status) {
	asked, told := 0, false
	for i := range s.Replicas {
		r := &s.Replicas[i]
		step := map[aim.Phase]string{aim.Placing: activities.StepWait, aim.Proving: activities.StepProve}[r.Phase]
		if step == "" || asked == askedNow {
			continue
		}
		asked++
		for _, p := range running(ctx, c, s.Name, r.Ordinal) {
			if p.Step != step || p.Note == "" {
				continue
			}
			switch {
			case told:
			case s.Reason == "" && r.Phase == aim.Proving:
				s.Reason, told = p.Note, true
			case r.Reason != "" && strings.Contains(s.Reason, r.Reason):
				s.Reason, told = strings.Replace(s.Reason, r.Reason, p.Note, 1), true // it tells of one of them
			}
			r.Reason = p.Note
		}
	}
}

// errSilent is a deployment that exists and cannot be asked just now.
var errSilent = errors.New("no control process answers for it")

// explainQuery tells a deployment that is not there from one that cannot be
// asked just now. A caller that waits goes on for the latter (errSilent).
func explainQuery(ctx context.Context, c client.Client, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sdk.ErrNotFound):
		return Missing(context.WithoutCancel(ctx), c, name)
	case errors.Is(ctx.Err(), context.Canceled):
		return cli.ErrInterrupted
	}
	return cli.Next(cli.Failed("ask deployment %s: %w (%v)", name, errSilent, cli.ShortCause(err)), "aim doctor")
}

// Missing names the deployment that was probably meant.
func Missing(ctx context.Context, c client.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	names, err := Names(ctx, c)
	if near := aim.Nearest(name, names); err == nil && near != "" {
		return cli.Next(cli.Failed("there is no deployment %q; did you mean %q?", name, near), "aim status %s", near)
	}
	return cli.Next(cli.Failed("there is no deployment %q", name), "aim ps")
}

// notRunning says of a deployment that cannot be changed whether it has ended, and how,
// or was never there.
func notRunning(ctx context.Context, c client.Client, name string) error {
	s, err := Ask(ctx, c, name)
	if err != nil || !s.Phase.Final() {
		return Missing(ctx, c, name)
	}
	return cli.Next(cli.Failed("deployment %s has ended: %s", name, join(string(s.Phase), s.Reason)), "%s", deployAgain(s))
}

func join(phase, reason string) string {
	if reason == "" {
		return phase
	}
	return phase + ", " + reason
}

// Names lists the deployments that are wanted.
func Names(ctx context.Context, c client.Client) ([]string, error) {
	return sdk.New(c).List(ctx)
}

// AskAll asks all deployments. One that cannot be asked is listed with the
// reason: a list that hides what it could not read would lie.
func AskAll(ctx context.Context, c client.Client, those sdk.Those) ([]aim.Status, error) {
	names, err := sdk.New(c).Names(ctx, those)
	if err != nil {
		return nil, cli.Failed("list deployments: %v", cli.ShortCause(err))
	}
	return askEach(ctx, c, names)
}

func askEach(ctx context.Context, c client.Client, names []string) ([]aim.Status, error) {
	found := make([]aim.Status, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16) // queries run on control's workers; more at once only queue there
	for i, name := range names {
		g.Go(func() error {
			s, err := Ask(ctx, c, name)
			if err != nil {
				s = aim.Status{Name: name, Reason: err.Error(), Replicas: []aim.ReplicaStatus{}}
			}
			found[i] = s
			return nil
		})
	}
	return found, g.Wait()
}

// closing is the failure with which a deployment's workflow has closed, nil if
// it has not failed.
func closing(ctx context.Context, c client.Client, name string) *aim.Failure {
	ctx, cancel := context.WithTimeout(ctx, cli.AskTimeout)
	defer cancel()
	return workflows.CarriedFailure(c.GetWorkflow(ctx, workflows.DeploymentID(name), "").Get(ctx, nil))
}

// running is what the long steps of a replica say.
func running(ctx context.Context, c client.Client, name string, ordinal int) []aim.Progress {
	return cli.Running(ctx, c, workflows.ReplicaID(name, ordinal))
}
