package workflows

import (
	"fmt"

	"github.com/aim-engine/aim"
)

// succession is whose place a member is to take, and why.
type succession struct {
	Ordinal int               `json:"ordinal"`
	Cause   cause             `json:"cause"`
	Why     string            `json:"why"`
	Avoid   map[string]string `json:"avoid,omitempty"` // node id -> why not there
	To      string            `json:"to,omitempty"`    // the node to go to; "" = any
}

// succeed takes every succession one step further, and begins those that the loss
// of nodes calls for.
func (d *deploymentMachine) succeed() {
	for _, m := range d.now.Members {
		if m.Succeeds != nil && !m.Retired {
			d.succession(m, d.find(m.Succeeds.Ordinal))
		}
	}
	for _, m := range append([]*member(nil), d.now.Members...) {
		if m.active() && !m.Closed && m.Lost != "" && d.successorOf(m) == nil {
			d.replace(m, m.Version, succession{Cause: causeLoss, Why: m.Lost})
		}
	}
}

// succession: the successor takes the place of the other when it has proved itself,
// and retires when it cannot or need not.
func (d *deploymentMachine) succession(m, old *member) {
	s := m.Succeeds
	same := old != nil && old.Version == m.Version
	switch {
	case old == nil || old.Retired:
		m.Retired, m.Why = true, "the replica that it was to succeed is not wanted any more"
	case s.Cause == causeChange && (m.Version != d.now.Target || old.Version == d.now.Target):
		m.Retired, m.Why = true, "another version is wanted now"
	case old.Closed && old.Status.Phase == aim.Failed && s.Cause != causeMove: // there is nothing to succeed any more
		m.Succeeds, old.Retired, old.Why = nil, true, s.Why
	case m.Closed && m.Status.Phase == aim.Failed && s.Cause == causeLoss && m.Version != d.now.Target:
		m.Version = d.now.Target // what it failed with is not wanted any more
		m.Status.Enter(aim.Pending, m.Status.Reason, d.at.now)
	case m.ready() && (m.Proved || same):
		m.Succeeds, m.Proved = nil, true
		old.Retired, old.Why = true, s.Why
	case s.Cause == causeLoss && old.ready():
		m.Retired, m.Why = true, fmt.Sprintf("replica %d is well again", s.Ordinal)
	case m.Closed && m.Status.Phase == aim.Failed && s.Cause == causeMove:
		m.Retired = true
		d.now.Note = clip(fmt.Sprintf("replica %d was not moved: %s", s.Ordinal, m.Status.Reason), maxText)
	case m.Closed && m.Status.Phase == aim.Failed && s.Cause == causeChange && noRoom(m.Status):
		m.Retired = true
		d.noRoom(m.Status.Reason)
	}
}

// noRoom tells whether a replica has failed because there was no place for it.
func noRoom(s aim.ReplicaStatus) bool {
	c := lastFailure(s).Class
	return c == aim.ClassCapacity || c == aim.ClassRefused
}

// replace starts a successor of the member.
func (d *deploymentMachine) replace(old *member, version int, s succession) *member {
	s.Ordinal, s.Why = old.Ordinal, clip(s.Why, maxText)
	if s.Avoid == nil && s.Cause != causeChange {
		s.Avoid = map[string]string{old.Status.Node: clip(fmt.Sprintf("replica %d leaves it: %s", old.Ordinal, s.Why), maxText)}
	}
	m := d.enlist(version)
	m.Succeeds = &s
	return m
}

// successorOf finds who is to take the member's place, nil if nobody is.
func (d *deploymentMachine) successorOf(old *member) *member {
	for _, m := range d.now.Members {
		if m.Succeeds != nil && !m.Retired && m.Succeeds.Ordinal == old.Ordinal {
			return m
		}
	}
	return nil
}

// moving is the succession of a move that is under way, nil if there is none.
func (d *deploymentMachine) moving() (m *member) {
	for _, m := range d.now.Members {
		if m.Succeeds != nil && !m.Retired && m.Succeeds.Cause == causeMove {
			return m
		}
	}
	return nil
}

// serving counts the replicas that answer.
func (d *deploymentMachine) serving() int {
	n := 0
	for _, m := range d.now.Members {
		if m.ready() && m.active() && !m.Stopping {
			n++
		}
	}
	return n
}
