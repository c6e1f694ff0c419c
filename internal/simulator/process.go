package simulator

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// showProcesses makes KFD's process folder show the holders: for each pid a
// vram_<gpu_id> file a GPU and a queue on it.
func (t *Tree) showProcesses(wanted map[string]map[string]string) error {
	for pid, files := range wanted {
		for name, text := range files {
			file := filepath.Join(t.root, processDir, pid, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			if err := t.replace(file, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetProcesses removes what KFD's process folder shows beyond the holders.
func (t *Tree) forgetProcesses(wanted map[string]map[string]string) error {
	dir := filepath.Join(t.root, processDir)
	shown, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, old := range shown {
		if err := dropUnwanted(filepath.Join(dir, old.Name()), wanted[old.Name()]); err != nil {
			return err
		}
	}
	return nil
}

// dropUnwanted removes what KFD no longer shows of a process: all of it, or what
// it has let go of.
func dropUnwanted(dir string, wanted map[string]string) error {
	if len(wanted) == 0 {
		return os.RemoveAll(dir)
	}
	for _, pattern := range []string{"vram_*", "queues/*/gpuid"} {
		shown, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return err
		}
		for _, name := range shown {
			if _, ok := wanted[name]; ok {
				continue
			}
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// processFiles is what KFD shows of the holders: pid -> file -> text. A holder
// whose pid is not known (0) counts in the VRAM alone.
func (t *Tree) processFiles(live map[string]holder) map[string]map[string]string {
	vram := map[int]map[uint64]uint64{} // pid -> gpu_id -> bytes
	for _, h := range live {
		for _, held := range h.GPUs {
			if g, ok := t.find(held.UUID); ok && h.PID != 0 {
				if vram[h.PID] == nil {
					vram[h.PID] = map[uint64]uint64{}
				}
				vram[h.PID][g.KFDID] += held.Bytes
			}
		}
	}
	files := map[string]map[string]string{}
	for pid, gpus := range vram {
		texts := map[string]string{}
		for id, bytes := range gpus {
			texts[fmt.Sprintf("vram_%d", id)] = fmt.Sprintf("%d\n", bytes)
			// A queue may have any number, as long as it keeps it.
			texts[fmt.Sprintf("queues/%d/gpuid", id)] = fmt.Sprintf("%d\n", id)
		}
		files[strconv.Itoa(pid)] = texts
	}
	return files
}

// ownPIDSpace names the caller's pid namespace, "" where /proc does not tell.
func ownPIDSpace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return name
}

// lockOwner finds the process that holds the exclusive lock of a file, under the
// pid that it has here. A process in a container knows only its pid in there, but
// the kernel translates the owners in /proc/locks for whoever reads them.
// 0 = not known.
func lockOwner(f *os.File) int {
	var stat unix.Stat_t
	if unix.Fstat(int(f.Fd()), &stat) != nil {
		return 0
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	return findLockOwner(string(locks), stat.Ino)
}

// findLockOwner looks an inode up in the text of /proc/locks:
//
//	1: FLOCK  ADVISORY  WRITE 41873 08:01:1310755 0 EOF
//
// The device is not compared: on some file systems stat reports another one.
func findLockOwner(locks string, inode uint64) int {
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[3] != "WRITE" {
			continue // another kind, or one that waits ("->" in second place)
		}
		id := f[5][strings.LastIndexByte(f[5], ':')+1:]
		if id != strconv.FormatUint(inode, 10) {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}
