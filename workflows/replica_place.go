package workflows

import (
	"fmt"
	"maps"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// ask finds out what is to run, where the input does not say.
func (m *replicaMachine) ask() {
	m.now.Stage = stageAsking
	if len(m.now.Wish.Ladder.Rungs) > 0 {
		m.attempt()
		return
	}
	m.do(activities.ReadVersion, "", fmt.Sprintf("what %s/%d is to run", m.in.Name, m.in.Ordinal),
		activities.VersionRequest{Name: m.in.Name, UID: m.in.UID, Version: m.now.Wish.Revision})
}

func (m *replicaMachine) asked(e ended) {
	if e.failure != nil {
		m.now.Stop = "its deployment does not know what it is to run: " + e.failure.Error()
		m.withdraw()
		return
	}
	v := e.result.(activities.VersionResult)
	m.now.Wish.Spec, m.now.Wish.Ladder = v.Spec, v.Ladder
	m.now.Status.Rungs = len(v.Ladder.Rungs)
	m.attempt()
}

// attempt begins one: with a number and a token that no earlier one has had. From
// now on the memo names it, so that whatever an earlier one has left on a node is
// nobody's. It takes over the claim that the last attempt has kept.
func (m *replicaMachine) attempt() {
	rung, s := m.rung(), &m.now.Status
	if rung.Number == 0 {
		m.ask()
		return
	}
	m.now.Token, m.now.Refusals, m.now.ReadyAt = m.at.token(), 0, 0
	m.now.Lost, m.now.Held, m.now.Waiting = "", "", false
	s.Attempt++
	s.Rung, s.Recipe, s.Image, s.Loses = rung.Number, rung.Recipe, rung.Image, rung.Loses
	s.Node, s.GPUs, s.Endpoint, s.Placed, s.Steps, s.Memory = "", nil, "", "", nil, nil
	m.out = append(m.out, own{owner: aim.Owner{UID: m.in.UID, Attempt: s.Attempt, Token: m.now.Token}})
	if len(m.now.Holds) > 0 && m.now.Placement != nil {
		m.setPhase(aim.Placing, "")
		m.claim()
		return
	}
	m.now.Placement = nil
	m.place()
}

// place asks the leader, which answers at once.
func (m *replicaMachine) place() {
	m.now.Stage = stagePlacing
	m.setPhase(aim.Placing, "")
	m.beginStep("place")
	m.askPlace()
}

func (m *replicaMachine) askPlace() {
	m.do(activities.Place, activities.PlaceQueue, m.wants(), activities.PlaceRequest{PlacementRequest: m.request()})
}

// awaitTurn waits until there is room. By the time it is our turn, what was learnt
// of nodes is old.
func (m *replicaMachine) awaitTurn() {
	m.now.Waiting, m.now.Avoid = true, nil
	req := activities.PlaceRequest{PlacementRequest: m.request()}
	req.Others = m.now.Wish.Ladder.Alternatives(m.now.Rung, m.now.Wish.Spec, m.identity())
	m.do(activities.AwaitTurn, activities.PlaceQueue, "waits for "+m.wants(), req)
}

// waits tells whether the replica may wait for room. The successor of one that
// serves may not before it has proved itself: without room nothing changes.
func (m *replicaMachine) waits() bool {
	return m.now.EverReady || m.in.Succeeds == "" || m.in.Succeeds == causeLoss
}

// request is the question to the scheduler.
func (m *replicaMachine) request() aim.PlacementRequest {
	req := m.rung().Request(m.now.Wish.Spec, m.identity())
	req.Avoid, req.AskedAt = m.now.Avoid, m.now.AskedAt
	if m.in.To != "" && !m.waits() {
		req.Selector = withLabel(req.Selector, aim.NodeLabel, m.in.To)
	}
	return req
}

func (m *replicaMachine) wants() string {
	rung := m.rung()
	return fmt.Sprintf("%d %s for %s/%d (%s)", rung.GPUs, rung.GPUType, m.in.Name, m.in.Ordinal, rung.Recipe)
}

// placed takes the scheduler's answer.
func (m *replicaMachine) placed(e ended) {
	if e.failure != nil {
		m.abort(e.failure)
		return
	}
	d := e.result.(activities.PlaceResult)
	switch {
	case d.Outcome == aim.Place && d.Placement != nil:
		m.now.Waiting, m.now.Avoid, m.now.Placement = false, nil, d.Placement
		m.claim()
	case d.Outcome == aim.Impossible && len(m.now.Avoid) > 0 && m.waits() && !m.now.Waiting:
		m.now.Avoid = nil // the node that failed is better than none
		m.askPlace()
	case d.Outcome == aim.Wait && m.waits():
		m.setPhase(aim.Placing, d.String())
		m.awaitTurn()
	default:
		m.now.Waiting = false
		f := aim.Failf(aim.ClassCapacity, "%s", clip(d.String(), maxText))
		m.noteStep(activities.Place, f)
		m.abort(f)
	}
}

// claim asks the node for the GPUs that were chosen, or that the last attempt has
// kept.
func (m *replicaMachine) claim() {
	m.now.Stage = stageClaiming
	m.beginStep("claim")
	rank, rung, s := m.now.Placement.Ranks[0], m.rung(), &m.now.Status
	s.Node, s.GPUs, s.Placed = rank.Node, rank.GPUs, clip(m.now.Placement.Why, maxText)
	req := activities.ClaimRequest{
		Identity: m.identity(), GPUs: rank.GPUs, ShareBytes: rank.ShareBytes, Resources: rung.Resources,
		Model: rung.Model, Revision: rung.Revision, Secrets: m.now.Wish.Spec.Secrets,
	}
	if len(m.now.Holds) > 0 {
		req.Replaces = m.now.Holds[0].Token
	}
	// From here on only a release proves the contrary.
	m.now.Holds = append(m.now.Holds, hold{Identity: m.identity(), Node: rank.Node, GPUs: rank.GPUs})
	m.onNode(activities.Claim, "claim "+strings.Join(rank.GPUs, " "), req)
}

// claimed: a refusal teaches the next question; the pauses between refusals keep a
// busy fleet from being asked in a loop.
func (m *replicaMachine) claimed(e ended) {
	f := e.failure
	switch {
	case f == nil:
		m.now.Holds = m.now.Holds[len(m.now.Holds)-1:] // it has replaced what was kept
		m.bring()
	case f.Class != aim.ClassRefused:
		m.abort(f)
	default:
		m.letGo(m.now.Token)
		if len(m.now.Holds) > 0 || !m.waits() {
			m.abort(f) // what was kept has to be given back first
			return
		}
		m.refused(f)
	}
}

// refused asks again, as the same attempt, so that the scheduler lets go of what it
// has promised.
func (m *replicaMachine) refused(f *aim.Failure) {
	m.noteTry(f, next{Why: "another place"})
	m.now.Avoid = map[string]string{m.node(): clip(f.Error(), maxText)}
	m.now.Placement, m.now.Status.Node, m.now.Status.GPUs = nil, "", nil
	if m.now.Refusals++; m.now.Refusals == 1 {
		m.place()
		return
	}
	m.rest(pause(m.now.Refusals - 1))
}

// letGo forgets what an attempt may hold: the node has refused, or has let it go.
func (m *replicaMachine) letGo(token string) {
	var rest []hold
	for _, h := range m.now.Holds {
		if h.Token != token {
			rest = append(rest, h)
		}
	}
	m.now.Holds = rest
}

func withLabel(selector map[string]string, name, value string) map[string]string {
	with := maps.Clone(selector)
	if with == nil {
		with = map[string]string{}
	}
	with[name] = value
	return with
}
