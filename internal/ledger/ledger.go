package ledger

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/filelock"
)

// Errors of Open that a caller tells apart.
var (
	// ErrDamaged: a file could not be read as what it should be. It comes
	// together with a usable ledger that lacks what the file held. Open keeps
	// answering with it until Reconciled.
	ErrDamaged = errors.New("ledger damaged")
	// ErrNewer: a file was written by a newer version of the agent.
	ErrNewer = errors.New("ledger written by a newer version")
	// ErrInUse: another agent holds the directory.
	ErrInUse = errors.New("ledger in use by another agent")
	// ErrClosed: a change was asked for after Close, or after the directory's
	// lock file was replaced. The files may be another agent's by now.
	ErrClosed = errors.New("ledger closed")
)

// Names of the files in the directory.
const (
	claimsFile = "claims.json"
	stateFile  = "state.json"
	lockFile   = "lock"
)

// Ledger is an open ledger. Its methods may be called from many goroutines;
// what they return is the caller's own copy.
type Ledger struct {
	dir  string
	boot string
	lock *filelock.Lock

	mu     sync.Mutex
	closed bool
	claims claimsBody
	state  stateBody
}

// Open opens the ledger in dir, made if need be (mode 0700), for the agent
// running under this boot id. The errors are ErrInUse, ErrNewer, or one of the
// file system; with ErrDamaged the ledger is returned too.
func Open(dir, bootID string) (*Ledger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make ledger directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	l := &Ledger{dir: dir, boot: bootID, lock: lock}
	if err := l.load(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	if damage := l.damage(); damage != "" {
		return l, fmt.Errorf("%w: %s", ErrDamaged, damage)
	}
	return l, nil
}

// Close waits for the change under way, if there is one, and gives the directory
// back. From then on every change fails with ErrClosed, so that an activity which
// outlives its agent cannot write the file of the next one; questions are answered
// from memory. A second Close does nothing.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.lock.Release()
}

// Claims lists the claims by their lowest GPU id.
func (l *Ledger) Claims() []aim.Claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]aim.Claim, 0, len(l.claims.Claims))
	for _, r := range l.claims.Claims {
		out = append(out, clone(r.Claim))
	}
	return out
}

// Claim adds the claim, all its GPUs or none, and returns it. The same identity
// (UID, token, ordinal, rank) again returns the first claim unchanged, whatever
// else is asked. A GPU or port that is held is a Failure of class refused that
// names the holder; a newer attempt of the same replica is no exception, since
// the server of the older one may still run. Shares of one GPU are admitted
// while their sum stays within OfBytes, and never beside a claim of all of it. The
// claim that it Replaces, whose server has been stopped, makes way in the same write.
func (l *Ledger) Claim(c aim.Claim) (aim.Claim, error) {
	if err := check(c); err != nil {
		return aim.Claim{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := l.find(c.Identity); i >= 0 {
		return clone(l.claims.Claims[i].Claim), nil
	}
	held := slices.DeleteFunc(slices.Clone(l.claims.Claims), func(r record) bool { return r.ReplacedBy(c) })
	if err := admit(c, held); err != nil {
		return aim.Claim{}, err
	}
	c = clone(c)
	c.Replaces = ""
	c.Since = c.Since.UTC().Round(0) // as it will be read back
	next := append(held, record{Claim: c, BootID: l.boot})
	sortRecords(next)
	if err := l.writeClaims(next); err != nil {
		return aim.Claim{}, err
	}
	return clone(c), nil
}

// Stopping marks a claim whose server is being stopped; it still holds its
// GPUs. No such claim is no error: stopping what is gone is done.
func (l *Ledger) Stopping(id aim.Identity) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.find(id)
	if i < 0 || l.claims.Claims[i].Stopping {
		return nil
	}
	next := slices.Clone(l.claims.Claims)
	next[i].Stopping = true
	return l.writeClaims(next)
}

// Release ends a claim. No such claim is no error.
func (l *Ledger) Release(id aim.Identity) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.find(id)
	if i < 0 {
		return nil
	}
	return l.writeClaims(slices.Delete(slices.Clone(l.claims.Claims), i, i+1))
}

// State is the node's own settings.
func (l *Ledger) State() aim.NodeState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return cloneState(l.state.NodeState)
}

// SetState replaces the settings.
func (l *Ledger) SetState(s aim.NodeState) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.state
	next.NodeState = cloneState(s)
	return l.writeState(next)
}

// NextEpoch returns the number of this start of the agent: larger than every
// one before it, and at least unixNano so that a wiped directory does not start
// again from 1. With an error it could not be kept; it can be used all the same,
// since the next one is larger unless the clock is set back.
func (l *Ledger) NextEpoch(unixNano int64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.state
	next.Epoch = max(l.state.Epoch+1, uint64(max(unixNano, 0)))
	return next.Epoch, l.writeState(next)
}

// Reconciled says that what a damaged file held has been found again as far as
// it can be; from now on Open is content.
func (l *Ledger) Reconciled() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.claims.Damaged != "" {
		claims := claimsBody{Claims: l.claims.Claims}
		if err := l.save(claimsFile, claims); err != nil {
			return err
		}
		l.claims = claims
	}
	if l.state.Damaged == "" {
		return nil
	}
	next := l.state
	next.Damaged = ""
	return l.writeState(next)
}

// find returns the index of the identity's claim, or -1.
func (l *Ledger) find(id aim.Identity) int {
	return slices.IndexFunc(l.claims.Claims, func(r record) bool { return r.Same(id) })
}

// save writes one of the files, while the directory is this agent's.
func (l *Ledger) save(file string, body interface{ version() int }) error {
	if l.closed {
		return fmt.Errorf("write ledger %s: %w", filepath.Join(l.dir, file), ErrClosed)
	}
	if !l.lock.Current() {
		return fmt.Errorf("write ledger %s: %w: its lock file was removed or replaced; start the agent again", filepath.Join(l.dir, file), ErrClosed)
	}
	return save(filepath.Join(l.dir, file), body)
}

func (l *Ledger) writeClaims(next []record) error {
	body := claimsBody{Claims: next, Damaged: l.claims.Damaged}
	if err := l.save(claimsFile, body); err != nil {
		return err
	}
	l.claims = body
	return nil
}

func (l *Ledger) writeState(next stateBody) error {
	if err := l.save(stateFile, next); err != nil {
		return err
	}
	l.state = next
	return nil
}

func clone(c aim.Claim) aim.Claim {
	c.GPUs = slices.Clone(c.GPUs)
	return c
}

func cloneState(s aim.NodeState) aim.NodeState {
	s.Labels = maps.Clone(s.Labels)
	s.Quarantine = maps.Clone(s.Quarantine)
	s.Errors = maps.Clone(s.Errors)
	for board, e := range s.Errors {
		s.Errors[board] = aim.GPUErrors{BootID: e.BootID, Seen: maps.Clone(e.Seen), Accepted: maps.Clone(e.Accepted)}
	}
	return s
}
