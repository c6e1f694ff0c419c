package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/aim-engine/aim"
)

// Reader is who a server reads the cache as.
type Reader aim.User

// Readable tells whether a reader may read a model that is complete here. One that
// is not is the fetch's to tell.
func (h *Hub) Readable(model, revision string, by aim.User) error {
	folder := model
	if !filepath.IsAbs(model) {
		r, err := newRepo(model, revision)
		if err != nil {
			return err
		}
		var ok bool
		if folder, ok = h.snapshot(r); !ok {
			return nil
		}
	}
	return Readable(folder, Reader(by))
}

// Readable tells whether a reader may read every file below folder, through links
// and with every folder above. The error is a Failure of class weights that names
// the first path in the way and its mode. Modes alone are looked at: where a list
// of rights (ACL) gives more, the mode of the file shows its mask, not less.
func Readable(folder string, by Reader) error {
	if by.UID == 0 {
		return nil
	}
	seen := map[string]bool{}
	if err := by.reach(folder, seen); err != nil {
		return err
	}
	return filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return aim.Failf(aim.ClassWeights, "cannot look at the weights: %v", err)
		}
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			return aim.Failf(aim.ClassWeights, "cannot look at the weights: %v", err)
		}
		if real != name {
			if err := by.reach(filepath.Dir(real), seen); err != nil {
				return err
			}
		}
		st, err := os.Stat(real)
		if err != nil {
			return aim.Failf(aim.ClassWeights, "cannot look at the weights: %v", err)
		}
		what, bits := "read", fs.FileMode(4)
		if st.IsDir() {
			what, bits = "list", 5
		}
		if !by.may(st, bits) {
			return by.refused(what, real, st)
		}
		return nil
	})
}

// reach checks that the reader may enter a folder and all above it.
func (r Reader) reach(folder string, seen map[string]bool) error {
	if seen[folder] {
		return nil
	}
	seen[folder] = true
	if parent := filepath.Dir(folder); parent != folder {
		if err := r.reach(parent, seen); err != nil {
			return err
		}
	}
	st, err := os.Stat(folder)
	if errors.Is(err, fs.ErrPermission) {
		return nil // not even this process sees it; what it cannot see it cannot judge
	}
	if err != nil {
		return aim.Failf(aim.ClassWeights, "cannot look at the weights: %v", err)
	}
	if !r.may(st, 1) {
		return r.refused("enter", folder, st)
	}
	return nil
}

func (r Reader) refused(what, name string, st fs.FileInfo) error {
	owner := ownerOf(st)
	return aim.Failf(aim.ClassWeights, "uid %d, which the server runs as, may not %s %s (mode %04o, uid %d, gid %d)",
		r.UID, what, name, st.Mode().Perm(), owner.Uid, owner.Gid).
		WithHint("let it, on the node: chmod a+rX %s; and start the agent with umask 022, so that what it fetches can be read", name)
}

// may tells whether the mode gives the reader these bits: 4 read, 1 enter.
func (r Reader) may(st fs.FileInfo, bits fs.FileMode) bool {
	owner, mode := ownerOf(st), st.Mode().Perm()
	switch {
	case int(owner.Uid) == r.UID:
		return mode>>6&bits == bits
	case r.in(int(owner.Gid)):
		return mode>>3&bits == bits
	}
	return mode&bits == bits
}

func (r Reader) in(gid int) bool {
	for _, g := range append([]int{r.GID}, r.Groups...) {
		if g == gid {
			return true
		}
	}
	return false
}

func ownerOf(st fs.FileInfo) *syscall.Stat_t {
	if owner, ok := st.Sys().(*syscall.Stat_t); ok {
		return owner
	}
	return &syscall.Stat_t{}
}
