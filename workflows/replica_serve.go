package workflows

import (
	"fmt"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// bring pulls the image and fetches the weights at the same time.
func (m *replicaMachine) bring() {
	m.now.Stage = stageBringing
	m.beginStep("pull")
	m.beginStep("fetch")
	m.setPhase(aim.Pulling, "")
	m.bringFor(m.rung(), m.now.Wish.Spec)
}

func (m *replicaMachine) bringFor(rung aim.Rung, spec aim.DeploymentSpec) {
	m.onNode(activities.PullImage, "pull "+rung.Image,
		activities.PullRequest{Identity: m.identity(), Image: rung.Image})
	m.onNode(activities.FetchModel, "fetch "+rung.Model,
		activities.FetchRequest{Identity: m.identity(), Model: rung.Model, Revision: rung.Revision, Secrets: spec.Secrets,
			Companions: rung.Companions})
}

func (m *replicaMachine) brought(e ended) {
	switch {
	case e.failure != nil:
		m.abort(e.failure)
	case m.open[activities.FetchModel]:
		m.setPhase(aim.Fetching, "")
	case m.open[activities.PullImage]:
	default:
		m.start()
	}
}

func (m *replicaMachine) start() {
	m.now.Stage = stageStarting
	m.beginStep("start")
	m.setPhase(aim.Starting, "")
	m.onNode(activities.Start, fmt.Sprintf("start %s as %s", m.rung().Backend, m.identity().Server()),
		activities.StartRequest{Identity: m.identity(), Rung: m.rung(), Secrets: m.now.Wish.Spec.Secrets})
}

func (m *replicaMachine) started(e ended) {
	if e.failure != nil {
		m.abort(e.failure)
		return
	}
	m.now.Status.Simulated = e.result.(activities.StartResult).Simulated
	m.setPhase(aim.Proving, "")
	m.prove()
}

// prove waits until the server really answers.
func (m *replicaMachine) prove() {
	m.now.Stage = stageProving
	m.beginStep("prove")
	m.onNode(activities.AwaitReady, "prove that "+m.rung().ServedName+" answers",
		activities.ReadyRequest{Identity: m.identity(), Rung: m.rung()})
}

func (m *replicaMachine) proved(e ended) {
	if f := e.failure; f != nil {
		if f.Class == aim.ClassNodeLost && m.now.ReadyAt > 0 {
			m.away(f.Error())
			m.prove() // it is looked for until the node answers
			return
		}
		m.abort(f)
		return
	}
	r, s, now := e.result.(activities.ReadyResult), &m.now.Status, m.at.now.UnixMilli()
	s.Endpoint, s.Serves, s.Memory = r.Endpoint.URL, r.Endpoint.Model, m.rung().Memory.Against(r.Measured)
	if m.now.ReadyAt == 0 {
		m.now.ReadyAt = now
	}
	m.now.EverReady, m.now.Unconfirmed, m.now.Lost, m.now.Held = true, "", "", ""
	m.now.AskedAt = now // should it have to be placed again, it comes behind those who wait now
	m.setPhase(aim.Ready, "")
	m.watch()
}

func (m *replicaMachine) watch() {
	m.now.Stage = stageWatching
	m.onNode(activities.Watch, "watch "+m.identity().Server(), activities.WatchRequest{Identity: m.identity()})
}

// watched: the server is not well any more, the node has not been heard for long,
// or what is on trial has been brought.
func (m *replicaMachine) watched(e ended) {
	switch {
	case e.name != activities.Watch:
		m.broughtNext(e.failure)
	case e.failure == nil:
		m.watch()
	case e.failure.Class == aim.ClassNodeLost:
		if m.now.Next != nil { // it was about to be brought there
			m.broughtNext(e.failure)
			m.cancel(activities.PullImage)
			m.cancel(activities.FetchModel)
		}
		m.away(e.failure.Error())
		m.prove()
	default:
		m.abort(e.failure)
	}
}

// broughtNext: image and weights of the version on trial are here, or cannot be
// had, and then nothing is stopped for it.
func (m *replicaMachine) broughtNext(f *aim.Failure) {
	switch {
	case m.now.Next == nil: // a stop came first, or the trial is off
	case f != nil:
		m.now.Returned = &returned{Version: m.now.Next.Revision, Failure: bounded(f)}
		m.now.Next = nil
		m.report()
	case !m.open[activities.PullImage] && !m.open[activities.FetchModel]:
		m.abort(nil)
	}
}

// away: neither the agent nor the server can be heard. The server may well run on,
// and is left alone; another may take its place.
func (m *replicaMachine) away(why string) {
	if m.now.Held == "" {
		m.now.Lost = clip(why, maxText)
	}
	m.setPhase(aim.Degraded, orElse(m.now.Held, m.now.Lost))
}

// judge takes what the leader says of the node. Nothing is lost with an attempt
// that has not served: it is given up and made elsewhere. One that has served stays
// a candidate until its successor has proved itself.
func (m *replicaMachine) judge(v NodeVerdict) {
	if v.Node != m.node() || v.Token != "" && v.Token != m.now.Token && !m.keeps(v.Token) || m.over() {
		return
	}
	served := m.now.ReadyAt > 0 && (m.now.Stage == stageWatching || m.now.Stage == stageProving)
	switch v.Says {
	case NodeHeld:
		m.now.Held, m.now.Lost = clip(orElse(v.Why, "its node is not heard"), maxText), ""
		if served {
			m.setPhase(aim.Degraded, m.now.Held)
		}
	case NodeLost:
		m.now.Held = ""
		if m.now.Lost != "" {
			return
		}
		m.now.Lost = clip(orElse(v.Why, "node "+v.Node+" is lost"), maxText)
		switch {
		case served:
			m.setPhase(aim.Degraded, m.now.Lost)
		case m.now.Stage == stageResting:
			m.abandon()
		case m.now.Stage == stageStopping || m.now.Stage == stageReleasing:
			m.cancel(activities.Stop) // nobody takes it up
			m.cancel(activities.Release)
		case m.now.Stage != stagePlacing && m.now.Stage != stageAsking:
			m.abort(aim.Failf(aim.ClassNodeLost, "%s", m.now.Lost))
		}
	case NodeBack:
		was := m.now.Lost != "" || m.now.Held != ""
		m.now.Lost, m.now.Held = "", ""
		if was && m.now.Stage == stageWatching {
			m.setPhase(aim.Ready, "")
		}
	}
}

func (m *replicaMachine) keeps(token string) bool {
	for _, h := range m.now.Holds {
		if h.Token == token {
			return true
		}
	}
	return false
}

// abandon leaves what is held to the ownership rule of a node that does not
// answer. The memo must not name it any more when the node asks.
func (m *replicaMachine) abandon() {
	if len(m.now.Holds) > 0 {
		m.now.Unconfirmed = m.now.Holds[0].Node
	}
	m.now.Holds, m.now.Placement = nil, nil
}
