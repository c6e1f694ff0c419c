package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// idleVRAM is what firmware and driver keep of an idle MI300X: 284 MiB by
// rocm-smi on real machines, this many bytes in the captured tree.
const idleVRAM uint64 = 297_611_264

// Recompute brings the tree in line with the holders that are alive: VRAM in use
// of each GPU, and KFD's entries of the processes on it. Anybody may call it, at
// any time, as often as they like.
func (t *Tree) Recompute() error {
	if err := t.locked(t.account); err != nil {
		return fmt.Errorf("recompute VRAM of %s: %w", t.about.Node, err)
	}
	return nil
}

// account is Recompute for callers that hold the tree's lock. Processes appear
// before their VRAM and go after it, so that no reader sees VRAM in use that no
// process explains. A guest does not know the pids that KFD shows: for it the
// processes follow when Reap has noticed.
func (t *Tree) account() error {
	live, err := t.holders()
	if err != nil {
		return err
	}
	if t.PIDSpace != ownPIDSpace() {
		return t.accountVRAM(live)
	}
	processes := t.processFiles(live)
	if err := t.showProcesses(processes); err != nil {
		return err
	}
	if err := t.accountVRAM(live); err != nil {
		return err
	}
	return t.forgetProcesses(processes)
}

// accountVRAM writes the VRAM in use of each GPU.
func (t *Tree) accountVRAM(live map[string]holder) error {
	for _, g := range t.gpus {
		used := fmt.Sprintf("%d\n", min(idleVRAM+sumOf(live, g), g.VRAM))
		for _, name := range []string{"mem_info_vram_used", "mem_info_vis_vram_used"} {
			if err := t.replace(filepath.Join(g.dir, name), used); err != nil {
				return err
			}
		}
	}
	return nil
}

// sumOf adds up what holders have of one GPU.
func sumOf(holders map[string]holder, g GPU) uint64 {
	var sum uint64
	for _, h := range holders {
		for _, held := range h.GPUs {
			if held.UUID == g.UUID {
				sum += held.Bytes
			}
		}
	}
	return sum
}

// holders reads the holders that are alive, by file name, and deletes the files
// of those that have died. The caller holds the tree's lock.
func (t *Tree) holders() (map[string]holder, error) {
	dir := filepath.Join(t.root, holdersDir)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	live := map[string]holder{}
	for _, file := range files {
		h, alive, err := readHolder(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, err
		}
		if alive {
			live[file.Name()] = h
		}
	}
	return live, nil
}

func readHolder(name string) (h holder, alive bool, err error) {
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	defer file.Close()
	if abandoned(file) {
		return h, false, os.Remove(name)
	}
	if info, err := file.Stat(); err != nil || info.Size() == 0 {
		return h, true, err // just made: it holds nothing yet
	}
	if err := json.NewDecoder(file).Decode(&h); err != nil {
		return h, true, fmt.Errorf("read holder %s: %w", name, err)
	}
	if h.PIDSpace != ownPIDSpace() {
		h.PID = lockOwner(file)
	}
	return h, true, nil
}

func (t *Tree) find(uuid string) (GPU, bool) {
	for _, g := range t.gpus {
		if g.UUID == uuid {
			return g, true
		}
	}
	return GPU{}, false
}
