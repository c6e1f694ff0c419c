package workflows

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// attempt makes one attempt on the rung at hand and returns why it ended. A
// resumed one finds its server running and only watches it.
func (r *replica) attempt(parent workflow.Context, resumed bool) *aim.Failure {
	ctx, cancel := workflow.WithCancel(parent)
	defer cancel()
	r.abort = cancel
	if r.stop != "" {
		return aim.Failf(aim.ClassCancelled, "%s", r.stop)
	}
	if r.restart != nil {
		r.restarts = true
		return nil
	}
	steps := []func(workflow.Context) *aim.Failure{r.place, r.bring, r.start, r.prove, r.watch}
	if resumed {
		steps = steps[4:]
	}
	for _, step := range steps {
		if f := step(ctx); f != nil || r.renew {
			r.restarts = r.restart != nil && r.stop == ""
			return f
		}
	}
	return nil
}

// rung is the rung at hand.
func (r *replica) rung() aim.Rung {
	rung, _ := r.in.Ladder.At(r.now.Rung)
	return rung
}

// identity names the attempt at hand.
func (r *replica) identity() aim.Identity {
	return aim.Identity{
		Deployment: r.in.Name, UID: r.in.UID, Ordinal: r.in.Ordinal,
		Attempt: r.now.Status.Attempt, Token: r.now.Token,
	}
}

// node is where the attempt at hand runs, or "".
func (r *replica) node() string {
	if r.now.Placement == nil {
		return ""
	}
	return r.now.Placement.Ranks[0].Node
}

// place finds GPUs and claims them. A refusal teaches the next question; the
// pauses between refusals keep a busy fleet from being asked in a loop.
func (r *replica) place(ctx workflow.Context) *aim.Failure {
	r.newAttempt(ctx)
	for refusals := 1; ; refusals++ {
		f := r.findPlace(ctx)
		if f == nil {
			f = r.claim(ctx)
		}
		if f == nil || f.Class != aim.ClassRefused || r.relief() {
			return f
		}
		r.noteTry(ctx, f)
		r.now.Avoid = map[string]string{r.node(): f.Error()}
		r.now.Placement = nil
		if refusals > 1 {
			r.pause(ctx, pause(refusals-1))
		}
		if ctx.Err() != nil {
			return aim.Failf(aim.ClassCancelled, "stopped on request")
		}
	}
}

// newAttempt gives the attempt its number and its token, which no earlier one
// has had.
func (r *replica) newAttempt(ctx workflow.Context) {
	var token string
	_ = workflow.SideEffect(ctx, func(workflow.Context) any {
		b := make([]byte, 12)
		_, _ = rand.Read(b) // never fails
		return hex.EncodeToString(b)
	}).Get(&token)
	rung := r.rung()
	r.now.Token = token
	s := &r.now.Status
	r.now.ReadyAt = 0
	s.Attempt++
	s.Rung, s.Recipe, s.Image, s.Loses = rung.Number, rung.Recipe, rung.Image, rung.Loses
	s.Node, s.GPUs, s.Endpoint, s.Placed, s.Steps, s.Memory = "", nil, "", "", nil, nil
	r.setPhase(ctx, aim.Placing, "")
}

// request is the question to the scheduler.
func (r *replica) request() aim.Request {
	req := r.rung().Request(r.in.Spec, r.identity())
	req.Avoid, req.AskedAt = r.now.Avoid, r.now.AskedAt
	return req
}

// findPlace asks for a placement, and waits for its turn when there is none now.
func (r *replica) findPlace(ctx workflow.Context) *aim.Failure {
	end := r.begin(ctx, "place")
	req := activities.PlaceRequest{Request: r.request()}
	r.now.Avoid = nil // it is for this question only
	d, err := r.ask(ctx, req)
	if err == nil && d.Outcome == aim.Impossible && len(req.Avoid) > 0 && !r.relief() {
		req.Avoid = nil // the node that failed is better than none
		d, err = r.ask(ctx, req)
	}
	if err == nil && d.Outcome == aim.Wait && !r.relief() {
		r.setPhase(ctx, aim.Placing, d.String())
		req.Avoid = nil // by the time it is our turn, what was learnt is old
		req.Others = r.in.Ladder.Alternatives(r.now.Rung, r.in.Spec, r.identity())
		err = workflow.ExecuteActivity(on(ctx, activities.AwaitTurn, activities.PlaceQueue, "waits for "+r.wants()),
			activities.AwaitTurn, req).Get(ctx, &d)
	}
	f := failureOf(err, "")
	if f == nil && d.Outcome != aim.Place {
		f = aim.Failf(aim.ClassCapacity, "%s", d.String())
	}
	end(f)
	if f != nil {
		return f
	}
	r.now.Placement = d.Placement
	return nil
}

func (r *replica) ask(ctx workflow.Context, req activities.PlaceRequest) (d activities.PlaceResult, err error) {
	err = workflow.ExecuteActivity(on(ctx, activities.Place, activities.PlaceQueue, r.wants()), activities.Place, req).Get(ctx, &d)
	return d, err
}

func (r *replica) wants() string {
	rung := r.rung()
	return fmt.Sprintf("%d %s for %s/%d (%s)", rung.GPUs, rung.GPUType, r.in.Name, r.in.Ordinal, rung.Recipe)
}

// claim asks the node. The owner is in the memo before the claim is on the
// node: from then on the node can ask whose it is.
func (r *replica) claim(ctx workflow.Context) *aim.Failure {
	end := r.begin(ctx, "claim")
	rank := r.now.Placement.Ranks[0]
	s := &r.now.Status
	s.Node, s.GPUs, s.Placed = rank.Node, rank.GPUs, r.now.Placement.Why
	r.setOwner(ctx)
	r.now.Claimed = true // from here on only a release proves the contrary
	rung := r.rung()
	req := activities.ClaimRequest{
		Identity: r.identity(), GPUs: rank.GPUs, ShareBytes: rank.ShareBytes, Resources: rung.Resources,
		Model: rung.Model, Revision: rung.Revision, Secrets: r.in.Spec.Secrets,
	}
	var res activities.ClaimResult
	f := failureOf(workflow.ExecuteActivity(
		r.onNode(ctx, activities.Claim, "claim %s on %s", strings.Join(rank.GPUs, " "), rank.Node),
		activities.Claim, req).Get(ctx, &res), rank.Node)
	if f != nil && f.Class == aim.ClassRefused {
		r.now.Claimed = false
	}
	end(f)
	return f
}

// bring pulls the image and fetches the weights at the same time.
func (r *replica) bring(ctx workflow.Context) *aim.Failure {
	rung := r.rung()
	endPull, endFetch := r.begin(ctx, "pull"), r.begin(ctx, "fetch")
	r.setPhase(ctx, aim.Pulling, "")
	pull := workflow.ExecuteActivity(r.onNode(ctx, activities.PullImage, "pull %s on %s", rung.Image, r.node()),
		activities.PullImage, activities.PullRequest{Identity: r.identity(), Image: rung.Image})
	fetch := workflow.ExecuteActivity(r.onNode(ctx, activities.FetchModel, "fetch %s on %s", rung.Model, r.node()),
		activities.FetchModel, activities.FetchRequest{
			Identity: r.identity(), Model: rung.Model, Revision: rung.Revision, Secrets: r.in.Spec.Secrets})
	f := failureOf(pull.Get(ctx, nil), r.node())
	endPull(f)
	if f != nil {
		return f
	}
	if !fetch.IsReady() {
		r.setPhase(ctx, aim.Fetching, "")
	}
	f = failureOf(fetch.Get(ctx, nil), r.node())
	endFetch(f)
	return f
}

func (r *replica) start(ctx workflow.Context) *aim.Failure {
	end := r.begin(ctx, "start")
	r.setPhase(ctx, aim.Starting, "")
	rung := r.rung()
	var res activities.StartResult
	f := failureOf(workflow.ExecuteActivity(r.onNode(ctx, activities.Start, "start %s as %s on %s", rung.Backend, r.identity().Server(), r.node()),
		activities.Start, activities.StartRequest{Identity: r.identity(), Rung: rung, Secrets: r.in.Spec.Secrets}).Get(ctx, &res), r.node())
	end(f)
	r.now.Status.Simulated = res.Simulated
	return f
}

// prove waits until the server really answers.
func (r *replica) prove(ctx workflow.Context) *aim.Failure {
	end := r.begin(ctx, "prove")
	r.setPhase(ctx, aim.Proving, "")
	var res activities.ReadyResult
	f := failureOf(workflow.ExecuteActivity(r.onNode(ctx, activities.AwaitReady, "prove that %s answers on %s", r.rung().ServedName, r.node()),
		activities.AwaitReady, activities.ReadyRequest{Identity: r.identity(), Rung: r.rung()}).Get(ctx, &res), r.node())
	end(f)
	if f != nil {
		return f
	}
	r.now.Status.Endpoint, r.now.Status.Serves = res.Endpoint.URL, res.Endpoint.Model
	r.now.Status.Memory = r.rung().Memory.Against(res.Measured)
	now := workflow.Now(ctx).UnixMilli()
	if r.now.ReadyAt == 0 {
		r.now.ReadyAt = now
	}
	r.now.EverReady = true
	r.now.AskedAt = now // a later attempt queues behind those who wait now
	r.setPhase(ctx, aim.Ready, "")
	return nil
}

// watch returns when the server is not well any more. A node that is away costs
// nothing but the word "degraded": the server is looked for again until the
// node answers.
func (r *replica) watch(ctx workflow.Context) *aim.Failure {
	for {
		f := failureOf(workflow.ExecuteActivity(r.onNode(ctx, activities.Watch, "watch %s on %s", r.identity().Server(), r.node()),
			activities.Watch, activities.WatchRequest{Identity: r.identity()}).Get(ctx, nil), r.node())
		for f != nil && f.Class == aim.ClassNodeLost {
			r.setPhase(ctx, aim.Degraded, f.Error())
			if r.grown(ctx) {
				return nil
			}
			f = r.prove(ctx)
		}
		if f != nil {
			return f
		}
		if r.grown(ctx) {
			return nil
		}
	}
}

// grown tells whether the history is long enough to continue as new. No
// activity is pending where it is asked.
func (r *replica) grown(ctx workflow.Context) bool {
	r.renew = workflow.GetInfo(ctx).GetContinueAsNewSuggested() && r.stop == "" && r.restart == nil
	return r.renew
}

// withdraw stops the server and releases the claim, whatever has happened to
// ctx. What cannot be confirmed is left to the node's ownership rule.
func (r *replica) withdraw(ctx workflow.Context) {
	if !r.now.Claimed {
		return
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.now.Status.Endpoint = ""
	why := orElse(r.stop, "attempt ended")
	end := r.begin(ctx, "stop")
	if r.stop != "" || r.restarts {
		r.setPhase(ctx, aim.Stopping, orElse(r.stop, r.restartWhy()))
	}
	err := workflow.ExecuteActivity(r.onNode(ctx, activities.Stop, "stop %s on %s", r.identity().Server(), r.node()),
		activities.Stop, activities.StopRequest{Identity: r.identity(), Why: why}).Get(ctx, nil)
	if err == nil {
		err = workflow.ExecuteActivity(r.onNode(ctx, activities.Release, "release %s on %s", strings.Join(r.now.Status.GPUs, " "), r.node()),
			activities.Release, activities.ReleaseRequest{Identity: r.identity()}).Get(ctx, nil)
	}
	end(failureOf(err, r.node()))
	r.now.Claimed, r.now.Unconfirmed = false, ""
	if err != nil {
		r.now.Unconfirmed = r.node()
	}
}

// restartWhy is why a restart ends the attempt at hand.
func (r *replica) restartWhy() string {
	if r.restart == nil {
		return "restarting"
	}
	return orElse(r.restart.Why, "restarting")
}

func (r *replica) onNode(ctx workflow.Context, activity, summary string, args ...any) workflow.Context {
	return on(ctx, activity, activities.NodeQueue(r.node()), fmt.Sprintf(summary, args...))
}

// begin notes the start of a step; the function it returns notes its end.
func (r *replica) begin(ctx workflow.Context, name string) func(*aim.Failure) {
	started := workflow.Now(ctx)
	r.now.Status.Steps = append(r.now.Status.Steps, aim.Step{Name: name, Started: started.UTC().Format(time.RFC3339Nano)})
	i := len(r.now.Status.Steps) - 1
	return func(f *aim.Failure) {
		step := &r.now.Status.Steps[i]
		step.Millis = max(workflow.Now(ctx).Sub(started).Milliseconds(), 1)
		step.Outcome = "done"
		if f != nil {
			step.Outcome = string(f.Class)
		}
	}
}

// asError is errors.As with its type argument spelled once.
func asError[T error](err error, target *T) bool { return errors.As(err, target) }
