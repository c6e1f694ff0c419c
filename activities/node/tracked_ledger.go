package node

import (
	"errors"
	"fmt"
	"sync"

	"github.com/aim-engine/aim"
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

// note takes the outcome of a write. A refusal is an answer of a ledger that is
// well.
func (l *trackedLedger) note(err error) {
	why := ""
	var refused *aim.Failure
	if err != nil && !errors.As(err, &refused) {
		why = fmt.Sprintf("its ledger cannot be written: %v", err)
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

func (l *trackedLedger) Claim(c aim.Claim) (aim.Claim, error) {
	written, err := l.Ledger.Claim(c)
	l.note(err)
	return written, err
}

func (l *trackedLedger) Stopping(id aim.Identity) error {
	err := l.Ledger.Stopping(id)
	l.note(err)
	return err
}

func (l *trackedLedger) Release(id aim.Identity) error {
	err := l.Ledger.Release(id)
	l.note(err)
	return err
}

func (l *trackedLedger) SetState(s aim.NodeState) error {
	err := l.Ledger.SetState(s)
	l.note(err)
	return err
}
