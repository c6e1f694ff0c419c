package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
)

// setPhase moves the replica to a phase and tells the Deployment.
func (r *replica) setPhase(ctx workflow.Context, phase aim.Phase, reason string) {
	r.now.Status.Phase, r.now.Status.Reason = phase, reason
	r.show(ctx)
	r.report(ctx)
}

// show puts the phase where the Temporal UI and its lists find it.
func (r *replica) show(ctx workflow.Context) {
	s := r.now.Status
	workflow.SetCurrentDetails(ctx, replicaCard(r.in, s))
	_ = workflow.UpsertTypedSearchAttributes(ctx, AttrPhase.ValueSet(string(s.Phase)),
		AttrNode.ValueSet(s.Node), AttrRecipe.ValueSet(s.Recipe), AttrGPUs.ValueSet(s.GPUs))
}

// replicaCard is the status card of the Temporal UI, in Markdown.
func replicaCard(in ReplicaInput, s aim.ReplicaStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s/%d** of %s: **%s**", in.Name, s.Ordinal, in.Spec.Model, s.Phase)
	if s.Reason != "" {
		fmt.Fprintf(&b, " - %s", s.Reason)
	}
	fmt.Fprintf(&b, "\n\nattempt %d, rung %d of %d, recipe %s", s.Attempt, s.Rung, s.Rungs, s.Recipe)
	if s.Node != "" {
		fmt.Fprintf(&b, "\n\non %s: %s", s.Node, strings.Join(s.GPUs, " "))
	}
	if s.Endpoint != "" {
		fmt.Fprintf(&b, "\n\nendpoint %s", s.Endpoint)
	}
	for _, t := range s.Tries {
		fmt.Fprintf(&b, "\n\n- attempt %d, rung %d on %s: %s (%s) - %s", t.Attempt, t.Rung, orElse(t.Node, "no node"), t.Why, t.Class, t.Next)
	}
	return b.String()
}

// setOwner writes down which attempt owns the replica, where a node finds it.
func (r *replica) setOwner(ctx workflow.Context) {
	_ = workflow.UpsertMemo(ctx, map[string]any{
		MemoOwner: aim.Owner{UID: r.in.UID, Attempt: r.now.Status.Attempt, Token: r.now.Token},
	})
}

// report tells the Deployment the status. A Deployment that has ended takes its
// replicas with it.
func (r *replica) report(ctx workflow.Context) {
	sent := r.send(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		if isGone(sent.Get(ctx, nil)) && r.stop == "" {
			r.stop = "its deployment has ended"
			if r.abort != nil {
				r.abort()
			}
		}
	})
}

func (r *replica) send(ctx workflow.Context) workflow.Future {
	r.now.Seq++
	s := r.now.Status // of this moment: what is written into later is copied
	s.Steps, s.Tries = slices.Clone(s.Steps), slices.Clone(s.Tries)
	return workflow.SignalExternalWorkflow(ctx, DeploymentID(r.in.Name), "", signalReport, report{
		UID: r.in.UID, Run: firstRun(ctx), Seq: r.now.Seq, Status: s,
	})
}

// noteTry writes a failed attempt down.
func (r *replica) noteTry(ctx workflow.Context, f *aim.Failure) {
	s, now := &r.now.Status, workflow.Now(ctx)
	var ready int64
	if r.now.ReadyAt > 0 {
		ready = now.UnixMilli() - r.now.ReadyAt
	}
	s.Tries = append(s.Tries, aim.Try{
		Attempt: s.Attempt, Rung: s.Rung, Recipe: s.Recipe, Node: r.node(),
		Class: f.Class, Why: f.Error(), Lines: f.LogLines, Fingerprint: f.Fingerprint,
		At: now.UTC().Format(time.RFC3339), ReadyMillis: ready,
	})
	if n := len(s.Tries) - maxTries; n > 0 {
		s.Tries = s.Tries[n:]
	}
}

// noteMove writes down what was done about the last try.
func (r *replica) noteMove(m move) {
	tries := r.now.Status.Tries
	tries[len(tries)-1].Next = m.Why
}

// firstRun is the id that a workflow keeps over continue-as-new and reset. The
// SDK's test environment has none and never continues.
func firstRun(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	return orElse(info.FirstRunID, info.WorkflowExecution.RunID)
}
