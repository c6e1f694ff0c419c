package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/pause"
)

// endPoll is how often Wait and Stop look. One look is four small files.
const endPoll = 100 * time.Millisecond

// Wait returns when the server has ended, or with ctx's error. No such server,
// or one that was never started, has ended with code -1.
func (r *Runtime) Wait(ctx context.Context, id aim.Identity) (aim.Exit, error) {
	for {
		_, s, err := r.see(id)
		if err != nil {
			return aim.Exit{}, err
		}
		switch s.phase {
		case ended:
			return *s.exit, nil
		case absent:
			return aim.Exit{Code: -1, Message: "there is no such server"}, nil
		case created:
			return aim.Exit{Code: -1, Message: "it was never started"}, nil
		}
		if err := pause.For(ctx, endPoll); err != nil {
			return aim.Exit{}, err
		}
	}
}

// Stop sends SIGTERM to the server's process group, after grace SIGKILL to it
// and to all else in its session, and returns when everything is gone. A shim
// that has not started its server yet will not do so any more.
func (r *Runtime) Stop(ctx context.Context, id aim.Identity, grace time.Duration) error {
	f, s, err := r.see(id)
	if err != nil || s.phase == absent {
		return err
	}
	if err := os.WriteFile(f.path(stopFile), nil, 0o600); err != nil {
		return fmt.Errorf("stop %s: %w", f.name(), err)
	}
	asked := false
	deadline := time.Now().Add(grace)
	for {
		gone, err := f.press(&asked, !time.Now().Before(deadline))
		if err != nil {
			return fmt.Errorf("stop %s: %w", f.name(), err)
		}
		if gone {
			return nil
		}
		if err := pause.For(ctx, min(endPoll, max(time.Until(deadline), startPoll))); err != nil {
			return fmt.Errorf("stop %s: %w", f.name(), err)
		}
	}
}

// press asks the server to end, once, or kills it, and tells whether it is gone
// with all its descendants: the lock is free, and nothing of it lives.
func (f folder) press(asked *bool, kill bool) (gone bool, err error) {
	s, err := f.look()
	if err != nil {
		return false, err
	}
	locked, err := f.locked()
	if err != nil {
		return false, err
	}
	if s.record.PID == 0 {
		return !locked, nil
	}
	members, err := s.record.members()
	if err != nil {
		return false, err
	}
	if len(members) == 0 {
		return !locked, nil
	}
	if kill {
		for _, p := range members {
			unix.Kill(p.PID, unix.SIGKILL)
		}
		return false, nil
	}
	inGroup := func(p procStat) bool { return p.PGRP == s.record.PID }
	if !*asked && slices.ContainsFunc(members, inGroup) {
		unix.Kill(-s.record.PID, unix.SIGTERM)
		*asked = true
	}
	return false, nil
}

// Remove deletes what is left of an ended server but its log, and the oldest
// logs beyond the number to keep. A server that has not ended is an error; no
// such server is none.
func (r *Runtime) Remove(_ context.Context, id aim.Identity) error {
	f, s, err := r.see(id)
	if err != nil || s.phase == absent {
		return err
	}
	if err := f.empty(s); err != nil {
		return fmt.Errorf("remove server %s: %w", f.name(), err)
	}
	return r.prune()
}

// empty deletes all of the folder but the log. The lock is held meanwhile: a
// shim that comes late finds no launch.json, or a lock file that is gone.
func (f folder) empty(s sight) error {
	lock, err := f.lock()
	if errors.Is(err, errLocked) {
		return errors.New("it has not ended; stop it first")
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	members, err := s.record.members()
	if err != nil {
		return err
	}
	if s.record.PID != 0 && len(members) > 0 {
		return errors.New("it has not ended; stop it first")
	}
	if err := s.plan.removeHome(); err != nil {
		return err
	}
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != logFile && e.Name() != lockFile {
			err = errors.Join(err, os.RemoveAll(f.path(e.Name())))
		}
	}
	return errors.Join(err, os.Remove(f.path(lockFile)))
}

// prune deletes the oldest folders that hold nothing but a log.
func (r *Runtime) prune() error {
	type old struct {
		path string
		at   time.Time
	}
	names, err := filepath.Glob(filepath.Join(r.dir, "*", logFile))
	if err != nil {
		return err
	}
	var logs []old
	for _, log := range names {
		f := folder(filepath.Dir(log))
		info, err := os.Stat(log)
		if err == nil && !f.has(launchFile) && !f.has(lockFile) {
			logs = append(logs, old{string(f), info.ModTime()})
		}
	}
	slices.SortFunc(logs, func(a, b old) int { return b.at.Compare(a.at) })
	for _, log := range logs[min(len(logs), r.opts.KeepLogs):] {
		err = errors.Join(err, os.RemoveAll(log.path))
	}
	return err
}
