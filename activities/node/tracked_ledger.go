package node

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// trackedLedger is the ledger with a memory for whether it can be written. A node
// whose disk is full or read-only can make no promise that outlives its agent: it
// goes on serving what it serves, and takes nothing new until a write succeeds.
type trackedLedger struct {
	Ledger
	changed func() // called when the reason has changed

	mu  sync.Mutex
	why string // it cannot be written; "" = it can
}

// unwritable says why the ledger cannot be written, "" if it can.
func (l *trackedLedger) unwritable() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why
}

// note takes the outcome of a call that had something to write. A refusal, and the
// end of a claim that there never was, have written nothing: they tell neither.
func (l *trackedLedger) note(err error) {
	why := ""
	var refused *aim.Failure
	if errors.As(err, &refused) {
		return
	}
	if err != nil {
		why = activities.Clip(fmt.Sprintf("its ledger cannot be written: %v", err), activities.MaxNote)
	}
	l.mu.Lock()
	was := l.why
	l.why = why
	l.mu.Unlock()
	if was != why {
		l.changed()
	}
}

// try writes what is there already.
func (l *trackedLedger) try() { l.note(l.Ledger.SetState(l.Ledger.State())) }

// has tells whether the attempt has a claim, marked as stopping or not.
func (l *trackedLedger) has(id aim.Identity, match func(aim.Claim) bool) bool {
	return slices.ContainsFunc(l.Ledger.Claims(), func(c aim.Claim) bool { return c.Same(id) && match(c) })
}

func anyClaim(aim.Claim) bool { return true }

func (l *trackedLedger) Claim(c aim.Claim) (aim.Claim, error) {
	known := l.has(c.Identity, anyClaim)
	written, err := l.Ledger.Claim(c)
	if !known {
		l.note(err)
	}
	return written, err
}

func (l *trackedLedger) Stopping(id aim.Identity) error {
	running := l.has(id, func(c aim.Claim) bool { return !c.Stopping })
	err := l.Ledger.Stopping(id)
	if running {
		l.note(err)
	}
	return err
}

func (l *trackedLedger) Release(id aim.Identity) error {
	known := l.has(id, anyClaim)
	err := l.Ledger.Release(id)
	if known {
		l.note(err)
	}
	return err
}

func (l *trackedLedger) SetState(s aim.NodeState) error {
	err := l.Ledger.SetState(s)
	l.note(err)
	return err
}
