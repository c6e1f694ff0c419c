package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim/internal/filelock"
)

// load reads both files. What cannot be read is kept aside and replaced by an
// empty body that carries the damage, so that a crash before the node has
// reconciled does not turn a lost ledger into an empty one.
func (l *Ledger) load() error {
	for _, file := range []string{claimsFile, stateFile} {
		if err := filelock.Sweep(filepath.Join(l.dir, file)); err != nil {
			return err
		}
	}
	state, stateExists, err := readFile(l.dir, stateFile)
	if err != nil {
		return err
	}
	claims, claimsExist, err := readFile(l.dir, claimsFile)
	if err != nil {
		return err
	}
	if err := l.loadClaims(claims, claimsExist, stateExists); err != nil {
		return err
	}
	return l.loadState(state, stateExists)
}

// loadClaims takes a missing file for a first start only when there is no state
// either: claims.json is always written first.
func (l *Ledger) loadClaims(data []byte, exists, ranBefore bool) error {
	path := filepath.Join(l.dir, claimsFile)
	if !exists {
		if ranBefore {
			l.claims.Damaged = path + " is missing although the node has run before: its claims are not known"
		}
		return save(path, l.claims)
	}
	body, err := decodeClaims(data)
	if err == nil {
		l.claims = body
		return nil
	}
	what, err := damaged(path, data, err)
	if err != nil {
		return err
	}
	l.claims.Damaged = what + ": its claims are not known"
	return save(path, l.claims)
}

func (l *Ledger) loadState(data []byte, exists bool) error {
	path := filepath.Join(l.dir, stateFile)
	if !exists {
		return save(path, l.state)
	}
	var body stateBody
	err := decode(data, &body)
	if err == nil {
		l.state = body
		return nil
	}
	what, err := damaged(path, data, err)
	if err != nil {
		return err
	}
	l.state = stateBody{Damaged: what + ": cordon, labels and quarantine are not known"}
	return save(path, l.state)
}

// damaged keeps a file aside that cannot be read for this reason, and says so. One
// that a newer version wrote is an error.
func damaged(path string, data []byte, why error) (what string, err error) {
	if errors.Is(why, ErrNewer) {
		return "", newer(path, why)
	}
	kept, err := keepAside(path, data)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s cannot be read (%v) and was kept as %s", path, why, kept), nil
}

// damage says what has been lost and not yet been reconciled, or "".
func (l *Ledger) damage() string {
	var parts []string
	for _, d := range []string{l.claims.Damaged, l.state.Damaged} {
		if d != "" {
			parts = append(parts, d)
		}
	}
	return strings.Join(parts, "; ")
}

func newer(path string, err error) error {
	return fmt.Errorf("read %s: %w; start the newer agent again, or move the directory away once nothing runs on this node", path, err)
}

func readFile(dir, name string) (data []byte, exists bool, err error) {
	data, err = os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read ledger: %w", err)
	}
	return data, true, nil
}
