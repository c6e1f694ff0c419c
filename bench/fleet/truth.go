package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
)

// inQueue and byCommands are how many situations are tried, in the leader's queue and
// with a whole stack.
const (
	inQueue    = 2000
	byCommands = 60
)

// share counts the situations of a kind.
type share struct{ all, wait, impossible, change, queued int }

// truth compares what is planned with what a deploy then does, and carries out the
// cures that are told.
func (b *bench) truth(ctx context.Context) (map[string]float64, error) {
	var shares share
	agreed, planned, sufficed, cured := 0, 0, 0, 0
	for i := range uint64(inQueue) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s := newSituation(b.seed*1_000_000 + i)
		o := s.compare(&shares)
		planned++
		if o.disagrees == "" {
			agreed++
		} else {
			note("seed %d: %s", b.seed*1_000_000+i, o.disagrees)
		}
		if o.cure != nil {
			cured++
			if why := s.take(o); why == "" {
				sufficed++
			} else {
				note("seed %d: %q: %s", b.seed*1_000_000+i, o.cure, why)
			}
		}
		s.end()
	}
	pct := func(n int) float64 { return 100 * float64(n) / float64(shares.all) }
	note("situations: %.0f %% wait, %.0f %% are impossible, %.0f %% are changes, %.0f %% have a queue; %d cures taken",
		pct(shares.wait), pct(shares.impossible), pct(shares.change), pct(shares.queued), cured)
	c, err := b.commands(ctx)
	if err != nil {
		return nil, fmt.Errorf("by commands: %w", err)
	}
	note("by commands: %d of %d plans agreed, %d of %d cures were enough", c.agreed, c.planned, c.sufficed, c.cured)
	return map[string]float64{
		"plan_agrees_pct":   100 * float64(agreed+c.agreed) / float64(planned+c.planned),
		"cure_suffices_pct": 100 * float64(sufficed+c.sufficed) / float64(cured+c.cured),
	}, nil
}

// outcome is what a plan and a deploy made of a situation.
type outcome struct {
	disagrees string    // how they differ; "" = they do not
	cure      *aim.Cure // of the replica that waits; nil where none does
	token     string    // under which it waits
}

func (s *situation) compare(shares *share) outcome {
	plan := control.MakePlan(s.placer.Fork(), s.spec, s.ladder, s.running, timeNow())
	shares.all++
	if s.running != nil {
		shares.change++
	}
	if len(s.waits) > 0 {
		shares.queued++
	}
	did, token := s.deploy()
	o := outcome{token: token}
	switch want := kinds(plan.Placements); {
	case !slices.Equal(want, did) && !(len(want) == 0 && slices.Equal(did, []string{string(aim.Impossible)})):
		o.disagrees = fmt.Sprintf("planned %v, did %v", want, did)
	}
	switch {
	case slices.Contains(did, string(aim.Impossible)):
		shares.impossible++
	case token != "":
		shares.wait++
		if last := plan.Placements[len(plan.Placements)-1]; len(last.Remedies) > 0 {
			o.cure = &last.Remedies[s.rnd.IntN(len(last.Remedies))]
		} else {
			o.cure = &aim.Cure{} // nothing is told: that is not enough
		}
	}
	return o
}

// kinds is the outcome of each placement.
func kinds(all []aim.Decision) (out []string) {
	for _, d := range all {
		out = append(out, kind(d))
	}
	return out
}

func kind(d aim.Decision) string { return string(d.Outcome) }

// deploy asks the leader's queue for what replicas of the deployment ask for, one
// after the other until one has no place. token is under which that one waits.
func (s *situation) deploy() (did []string, token string) {
	if s.running != nil {
		return s.rollOut()
	}
	for ordinal := range s.spec.Replicas {
		d, waits := s.ask(ordinal, "uid-new", s.now())
		if did = append(did, d); waits != "" || d == string(aim.Impossible) {
			return did, waits
		}
	}
	return did, ""
}

// ask walks down the ladder, as a replica does, and waits where it has to.
func (s *situation) ask(ordinal int, uid string, asked int64) (did, token string) {
	for rung, ok := s.ladder.At(1); ok; rung, ok = s.ladder.After(rung.Number, aim.ClassCapacity) {
		r := s.of(ordinal, uid, rung, asked)
		d := s.placer.Place(r)
		if d.Outcome == aim.Impossible {
			continue
		}
		if d.Outcome == aim.Wait {
			s.wait(r)
			return kind(d), r.Token
		}
		s.claim(r, d)
		return kind(d), ""
	}
	return string(aim.Impossible), ""
}

func (s *situation) of(ordinal int, uid string, rung aim.Rung, asked int64) aim.PlacementRequest {
	r := rung.Request(s.spec, aim.Identity{Deployment: s.spec.Name, UID: uid, Ordinal: ordinal, Token: fmt.Sprintf("deployed-%d", ordinal)})
	r.AskedAt = asked
	return r
}

// rollOut asks in the order of a roll-out.
func (s *situation) rollOut() (did []string, token string) {
	spec := s.spec.Defaulted()
	for _, r := range s.running.Replicas[min(spec.Replicas, len(s.running.Replicas)):] {
		s.leave(spec.Name, r.Ordinal)
	}
	old := s.running.Replicas[:min(spec.Replicas, len(s.running.Replicas))]
	spare := min(spec.MaxUnavailable-(spec.Replicas-len(old)), len(old)-spec.MinAvailable)
	for i, r := range old {
		rung, possible := s.first(r.Ordinal)
		if !possible {
			s.leave(spec.Name, r.Ordinal)
			d, waits := s.ask(r.Ordinal, s.running.UID, s.now())
			return append(did, d), waits
		}
		beside := s.of(100+i, s.running.UID, rung, s.now())
		if d := s.placer.Place(beside); d.Outcome == aim.Place {
			did = append(did, kind(d))
			s.claim(beside, d)
			s.leave(spec.Name, r.Ordinal)
			continue
		}
		if spare <= 0 {
			d, waits := s.ask(100+i, s.running.UID, s.now())
			return append(did, d), waits
		}
		spare--
		if s.keeps(r.Ordinal, rung) {
			did = append(did, string(aim.Place))
			continue
		}
		s.leave(spec.Name, r.Ordinal)
		d, waits := s.ask(r.Ordinal, s.running.UID, s.now())
		if did = append(did, d); waits != "" || d == string(aim.Impossible) {
			return did, waits
		}
	}
	for i := len(old); i < spec.Replicas; i++ {
		d, waits := s.ask(200+i, s.running.UID, s.now())
		if did = append(did, d); waits != "" || d == string(aim.Impossible) {
			return did, waits
		}
	}
	return did, ""
}

// first is the highest rung that some node could hold.
func (s *situation) first(ordinal int) (aim.Rung, bool) {
	fork := s.placer.Fork()
	for rung, ok := s.ladder.At(1); ok; rung, ok = s.ladder.After(rung.Number, aim.ClassCapacity) {
		r := s.of(ordinal, s.running.UID, rung, s.now())
		if d := fork.Consider(&r); d.Outcome != aim.Impossible {
			return rung, true
		}
	}
	return aim.Rung{}, false
}

// keeps tells whether a replica can start again on the GPUs that it has.
func (s *situation) keeps(ordinal int, rung aim.Rung) bool {
	for _, n := range s.nodes {
		for _, c := range n.Claims {
			if c.Deployment == s.spec.Name && c.Ordinal == ordinal {
				return len(c.GPUs) == rung.GPUs
			}
		}
	}
	return false
}

// take carries a cure out, as an operator would, and says why it was not enough.
func (s *situation) take(o outcome) string {
	if len(o.cure.Steps) == 0 {
		return "nothing is told"
	}
	for _, step := range o.cure.Steps {
		if why := s.do(o, step); why != "" {
			return why
		}
	}
	if !s.holds(o.token) {
		return "it still waits"
	}
	return ""
}

func (s *situation) do(o outcome, step aim.CureStep) string {
	n := s.nodes[step.Node]
	switch step.Do {
	case aim.CureStop:
		s.leave(step.Deployment, -1)
		return ""
	case aim.CureJoin:
		for i := range 8 {
			s.set(s.joined(fmt.Sprintf("joined%d", i)))
		}
		s.settle()
		return ""
	case aim.CureRung:
		w := s.waits[o.token]
		w.cancel()
		<-w.done
		rung, _ := s.ladder.At(2)
		s.placer.Place(s.of(w.request.Ordinal, w.request.UID, rung, w.request.AskedAt))
		return ""
	case aim.CureUncordon:
		n.Cordon = ""
	case aim.CureRevive:
		n.Liveness = aim.Alive
	case aim.CureLabel:
		n.Labels = maps.Clone(n.Labels)
		maps.Copy(n.Labels, step.Labels)
	case aim.CureClear, aim.CureEnd, aim.CureMend:
		n.GPUs = slices.Clone(n.GPUs)
		for i := range n.GPUs {
			if slices.Contains(step.GPUs, n.GPUs[i].ID) {
				n.GPUs[i].Health, n.GPUs[i].Busy = aim.HealthOK, nil
			}
		}
	default:
		return fmt.Sprintf("nobody can %q", cmp.Or(step.Command, step.Text))
	}
	s.set(n)
	s.settle()
	return ""
}

// joined is a machine with enough of everything.
func (s *situation) joined(id string) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID, n.Runtimes, n.DiskFree, n.Labels = id, []string{"docker"}, 1<<50, s.spec.Selector
	for g := range 16 {
		vram, minor := uint64(192*gib), 128+g
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: fmt.Sprintf("%s-g%d", id, g), UUID: fmt.Sprintf("%s-g%d", id, g), PCI: fmt.Sprintf("0000:%02x:00.0", g), Type: "MI300X",
			Partitions: 1, VRAMBytes: &vram, RenderMinor: &minor, Health: aim.HealthOK,
		})
	}
	return n
}
