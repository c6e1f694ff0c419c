package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

func timeNow() time.Time { return time.Now() }

// model takes as many GPUs as are asked for, up to a node's.
const model = "meta-llama/Llama-3.1-8B-Instruct"

// tally counts what was tried by commands.
type tally struct{ planned, agreed, cured, sufficed int }

// operator is somebody who types commands at a fleet.
type operator struct {
	*stack.Stack
	rnd     *rand.Rand
	running map[string]int // GPUs of the deployments that are wanted, by name
	closed  map[string]bool
	tally
}

// commands goes through random situations with a whole stack: what `aim plan` says is
// compared with what `aim deploy` of the same does, and where it waits, the cure that
// is told is typed.
func (b *bench) commands(ctx context.Context) (tally, error) {
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "truth"), Simulate: "2x8"})
	if err != nil {
		return tally{}, err
	}
	defer s.Down(context.WithoutCancel(ctx))
	o := &operator{Stack: s, rnd: rand.New(rand.NewPCG(b.seed, 2)), running: map[string]int{}, closed: map[string]bool{}}
	for i := range byCommands {
		if err := o.step(ctx, i); err != nil {
			return o.tally, fmt.Errorf("situation %d: %w", i, err)
		}
	}
	return o.tally, nil
}

func (o *operator) step(ctx context.Context, i int) error {
	if err := o.prepare(ctx); err != nil {
		return err
	}
	name, args := o.wish(i)
	plan := o.Aim(ctx, append([]string{"plan", model, "--name", name, "-o", "json"}, args...)...)
	var p aim.Plan
	if plan.Code == 0 || plan.Code == 3 && plan.Out != "" {
		if err := json.Unmarshal([]byte(plan.Out), &p); err != nil {
			return fmt.Errorf("aim plan %s: %w: %s", strings.Join(args, " "), err, plan.Out)
		}
	}
	did := o.Aim(ctx, append([]string{"deploy", model, "--name", name, "--yes", "--detach", "-o", "json"}, args...)...)
	o.planned++
	if did.Code != 0 { // it was refused at once
		if did.Code == plan.Code {
			o.agreed++
		} else {
			note("by commands, %s %v: plan ended with %d, deploy with %d: %s%s", name, args, plan.Code, did.Code, plan.Err, did.Err)
		}
		return nil
	}
	st, waits, err := o.settled(ctx, name)
	if err != nil {
		return err
	}
	switch {
	case waits == (plan.Code == 3):
		o.agreed++
	default:
		note("by commands, %s %v: plan ended with %d, and the deployment is %s: %s; planned %v, change %+v", name, args, plan.Code, st.Phase, st.Reason, p.Placements, p.Change)
	}
	if !waits {
		return nil
	}
	return o.cure(ctx, name, p)
}

// prepare makes room where there is little, and closes or opens a node at times.
func (o *operator) prepare(ctx context.Context) error {
	held := 0
	for _, gpus := range o.running {
		held += gpus
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range o.running {
			if !yield(name) {
				return
			}
		}
	}) {
		if held > 20 || o.rnd.IntN(6) == 0 {
			held -= o.running[name]
			delete(o.running, name)
			if err := o.Aim(ctx, "stop", name).Error(); err != nil && !strings.Contains(err.Error(), "has ended") {
				return err
			}
		}
	}
	for _, node := range []string{"n1", "n2"} {
		verb := "uncordon"
		if o.rnd.IntN(6) == 0 {
			verb = "cordon"
		}
		if (verb == "cordon") == o.closed[node] {
			continue
		}
		o.closed[node] = verb == "cordon"
		if err := o.Aim(ctx, "node", verb, node).Error(); err != nil {
			return err
		}
	}
	return nil
}

// wish is what is deployed: something new, or a change of what runs.
func (o *operator) wish(i int) (name string, args []string) {
	gpus := []int{1, 1, 2, 4, 8, 8}[o.rnd.IntN(6)]
	name = fmt.Sprintf("m%d", i)
	var names []string
	for n := range o.running {
		names = append(names, n)
	}
	slices.Sort(names)
	if len(names) > 0 && o.rnd.IntN(3) == 0 {
		name = names[o.rnd.IntN(len(names))]
		if o.rnd.IntN(2) == 0 {
			gpus = o.running[name]
		}
		args = append(args, "--max-model-len", fmt.Sprint(4096+o.rnd.IntN(2000)))
	}
	if o.rnd.IntN(6) == 0 {
		return name, append(args, "--gpus", "16") // no node has them
	}
	o.running[name] = gpus
	return name, append(args, "--gpus", fmt.Sprint(gpus))
}

// settled waits until the deployment is as it will be without help.
func (o *operator) settled(ctx context.Context, name string) (st aim.Status, waits bool, err error) {
	// While a change looks for room beside the old server, it is not over.
	queued := func(s aim.Status) bool {
		return strings.Contains(s.Reason, "no node fits") && !strings.Contains(s.Reason, "beside the old")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	since := time.Time{}
	st, err = o.AwaitStatus(ctx, name, func(s aim.Status) bool {
		if s.Phase.Final() || s.Phase == aim.Ready && len(s.Replicas) == s.Wanted && s.Replicas[0].Revision == s.Revision {
			return true
		}
		if !queued(s) {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) > time.Second
	})
	return st, st.Phase != aim.Ready, err
}

// cure types the first cure that is all commands.
func (o *operator) cure(ctx context.Context, name string, p aim.Plan) error {
	if len(p.Placements) == 0 {
		return nil
	}
	for _, c := range p.Placements[len(p.Placements)-1].Remedies {
		if slices.ContainsFunc(c.Steps, func(s aim.CureStep) bool { return s.Command == "" }) {
			continue
		}
		o.cured++
		for _, s := range c.Steps {
			if err := o.Aim(ctx, strings.Fields(s.Command)[1:]...).Error(); err != nil {
				return fmt.Errorf("%s: %w", s.Command, err)
			}
			switch s.Do {
			case aim.CureStop:
				delete(o.running, s.Deployment)
			case aim.CureUncordon:
				o.closed[s.Node] = false
			}
		}
		wait, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if _, err := o.AwaitPhase(wait, name, aim.Ready); err != nil {
			note("by commands, %s: %q was not enough: %v", name, c, err)
			return nil
		}
		o.sufficed++
		return nil
	}
	return nil
}
