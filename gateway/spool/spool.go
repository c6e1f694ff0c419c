// Package spool is a gateway's own record of what was used, written before anybody
// else hears of it, so that a killed gateway or an unreachable store loses
// nothing.
//
//	b 17 {...}     request 17 has begun: who asks for what
//	e 17 {...}     it is over: what it took
//
// Lines are written at once, synced every second, and shipped in batches; a
// segment is deleted when the store has counted it. The store counts an id once, so
// that a segment may be shipped again. A request that has begun and never ended,
// since its gateway was killed, is shipped as interrupted by the next start.
package spool

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aim-engine/aim/internal/filelock"
	"github.com/aim-engine/aim/internal/store"
)

// Ship counts requests in the store. It may be called again with the same ones.
type Ship func(ctx context.Context, requests []store.Usage) error

const (
	syncEvery = time.Second
	// A segment is closed, and shipped, after so long or so many bytes.
	segmentFor   = 5 * time.Second
	segmentBytes = 4 << 20
	batch        = 500
)

// Spool is the record of one gateway, in a folder of its own.
type Spool struct {
	dir   string
	start string // names this start; ids are start-number
	ship  Ship
	log   *slog.Logger
	lock  *filelock.Lock

	mu     sync.Mutex
	file   *os.File
	number int // of the segment
	size   int
	opened time.Time
	next   uint64
	open   map[uint64]store.Usage // begun and not over; carried into each new segment
	dirty  bool
	broken error // of writing; told once
}

// Open takes the folder for this process. What an earlier start has left is
// shipped by Run.
func Open(dir string, ship Ship, log *slog.Logger) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool of usage: %w", err)
	}
	lock, err := filelock.At(filepath.Join(dir, "lock")).Try()
	if err != nil {
		return nil, fmt.Errorf("spool of usage in %s: %w; give each gateway a folder of its own (gateway.dir)", dir, err)
	}
	s := &Spool{dir: dir, start: strconv.FormatInt(time.Now().UnixNano(), 36), ship: ship, log: log, lock: lock, open: map[uint64]store.Usage{}}
	if err := s.closeLeft(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	if err := s.roll(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return s, nil
}

// Begin writes down that a request was sent to a server.
func (s *Spool) Begin(u store.Usage) (number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	u.ID = s.start + "-" + strconv.FormatUint(s.next, 10)
	s.open[s.next] = u
	s.write('b', s.next, u)
	return s.next
}

// End writes down what it took.
func (s *Spool) End(number uint64, u store.Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begun, ok := s.open[number]
	if !ok {
		return
	}
	u.ID = begun.ID
	delete(s.open, number)
	s.write('e', number, u)
}

// write appends a line. A disk that takes no more costs accounts and not answers.
func (s *Spool) write(what byte, number uint64, u store.Usage) {
	line := append(strconv.AppendUint([]byte{what, ' '}, number, 10), ' ')
	data, _ := json.Marshal(u) // plain fields always can be
	line = append(append(line, data...), '\n')
	n, err := s.file.Write(line)
	s.size += n
	s.dirty = true
	if (err != nil) != (s.broken != nil) {
		s.broken = err
		s.log.Error("usage is not written down", "dir", s.dir, "error", err)
	}
}

// roll begins a segment with the requests that are open. The lock is held, or
// nobody else has the spool yet.
func (s *Spool) roll() error {
	file, err := os.OpenFile(filepath.Join(s.dir, s.start+"."+strconv.Itoa(s.number+1)+".open"), os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("spool of usage: %w", err)
	}
	old := s.file
	s.file, s.number, s.size, s.opened = file, s.number+1, 0, time.Now()
	for number, u := range s.open {
		s.write('b', number, u)
	}
	if old == nil {
		return nil
	}
	// Synced before the name says that it is complete.
	if err := errors.Join(old.Sync(), old.Close(), os.Rename(old.Name(), old.Name()[:len(old.Name())-len(".open")]+".closed")); err != nil {
		return fmt.Errorf("spool of usage: %w", err)
	}
	return filelock.SyncFolder(s.dir)
}

// closeLeft closes what killed starts have left: their open requests were
// interrupted.
func (s *Spool) closeLeft() error {
	left, err := filepath.Glob(filepath.Join(s.dir, "*.open"))
	if err != nil {
		return err
	}
	for _, path := range left {
		name := path[:len(path)-len(".open")]
		if err := os.Rename(path, name+".left"); err != nil {
			return fmt.Errorf("spool of usage: %w", err)
		}
	}
	return filelock.SyncFolder(s.dir)
}

// Run syncs and ships until ctx ends; then it ships once more, for at most 5 s,
// and lets the folder go.
func (s *Spool) Run(ctx context.Context) error {
	sync := time.NewTicker(syncEvery)
	defer sync.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return s.close(ctx)
		case <-sync.C:
		}
		s.tick(time.Now())
		err := s.shipClosed(ctx)
		if (err != nil) != failing && ctx.Err() == nil {
			failing = err != nil
			s.log.Warn("usage is kept here until the store takes it", "dir", s.dir, "error", err)
		}
	}
}

func (s *Spool) tick(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size > 0 && (s.size > segmentBytes || now.Sub(s.opened) >= segmentFor) && len(s.open)*200 < max(s.size, segmentBytes) {
		if err := s.roll(); err != nil {
			s.log.Error("usage", "error", err)
		}
	}
	if s.dirty {
		s.dirty = false
		if err := s.file.Sync(); err != nil {
			s.log.Error("usage is not synced", "dir", s.dir, "error", err)
		}
	}
}

func (s *Spool) close(ctx context.Context) error {
	s.mu.Lock()
	err := s.roll()
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if shipped := s.shipClosed(ctx); shipped != nil {
		s.log.Warn("usage is kept here until the next start", "dir", s.dir, "error", shipped)
	}
	return errors.Join(err, s.file.Close(), s.lock.Release())
}

// shipClosed ships the complete segments, the oldest first, and deletes each that
// the store has counted.
func (s *Spool) shipClosed(ctx context.Context) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if ext != ".closed" && ext != ".left" {
			continue
		}
		path := filepath.Join(s.dir, e.Name())
		used, err := read(path, ext == ".left")
		if err != nil {
			return err
		}
		for part := range slices.Chunk(used, batch) {
			if err := s.ship(ctx, part); err != nil {
				return err
			}
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// read finds the requests of a segment that are over, and with interrupted also
// those that are not and never will be. A line that a kill has cut is left out.
func read(path string, interrupted bool) ([]store.Usage, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var over []store.Usage
	begun := map[string]store.Usage{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		parts := bytes.SplitN(lines.Bytes(), []byte(" "), 3)
		if len(parts) != 3 {
			continue
		}
		var u store.Usage
		if json.Unmarshal(parts[2], &u) != nil || u.ID == "" {
			continue
		}
		if parts[0][0] == 'e' {
			over = append(over, u)
			delete(begun, u.ID)
		} else {
			begun[u.ID] = u
		}
	}
	if interrupted {
		for _, u := range begun {
			u.Interrupted = true
			over = append(over, u)
		}
	}
	return over, nil
}
