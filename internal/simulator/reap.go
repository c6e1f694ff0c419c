package simulator

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

const (
	// reapEvery is how soon the VRAM of a killed server is free: faster than any
	// real driver, and cheap enough (one stat, one lock test a holder) for a
	// hundred simulated nodes in one process.
	reapEvery = 25 * time.Millisecond
	// clockGrain is how coarse file times are: two changes may share one time.
	clockGrain = 20 * time.Millisecond
)

// Reap plays the kernel driver until ctx ends: it frees what dead processes held
// and shows KFD's entries of those in containers. Run one for each tree, on the
// side that has called CreateTree.
func (t *Tree) Reap(ctx context.Context) error {
	w := watch{dir: filepath.Join(t.root, holdersDir), files: map[string]*os.File{}}
	defer w.close()
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	for {
		if w.changed() {
			if err := t.Recompute(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// watch notices that holders came, changed or died.
type watch struct {
	dir   string
	seen  time.Time           // time of the folder when it was last listed
	files map[string]*os.File // open holder files, by name
}

func (w *watch) changed() bool {
	changed := false
	info, err := os.Stat(w.dir)
	if err == nil && (!info.ModTime().Equal(w.seen) || time.Since(info.ModTime()) < clockGrain) {
		w.seen = info.ModTime()
		w.list()
		changed = true
	}
	for name, file := range w.files {
		if abandoned(file) {
			file.Close()
			delete(w.files, name)
			changed = true
		}
	}
	return changed
}

// list opens the holder files that are not open yet. One that cannot be opened
// is gone again.
func (w *watch) list() {
	listed, err := os.ReadDir(w.dir)
	if err != nil {
		return // the tree is being removed
	}
	for _, entry := range listed {
		name := entry.Name()
		if w.files[name] != nil {
			continue
		}
		if file, err := os.Open(filepath.Join(w.dir, name)); err == nil {
			w.files[name] = file
		}
	}
}

func (w *watch) close() {
	for _, file := range w.files {
		file.Close()
	}
}
