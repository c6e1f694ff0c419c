package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Tree is the private, writable machine of one simulated node:
//
//	root/sys       what the kernel would show: KFD, DRM, PCI
//	root/dev       kfd and dri/*
//	root/holders   who holds VRAM (see Hold)
//	root/starts    how often each model was started
//	root/node.json what the tree was made for; written last, so it marks a whole tree
//
// Processes and containers of the node share it through the file system alone.
type Tree struct {
	root string
	about
	gpus []GPU
}

// about is node.json.
type about struct {
	Node      string `json:"node"`
	GPUCount  int    `json:"gpus"`
	Simulated bool   `json:"simulated"`
	PIDSpace  string `json:"pid_namespace"` // of the process that plays the kernel
}

const (
	aboutFile   = "node.json"
	lockFile    = "tree.lock"
	holdersDir  = "holders"
	startsDir   = "starts"  // how often each served name was started (see countStart)
	stagingDir  = "staging" // new file contents, before they are renamed into place
	topologyDir = "sys/class/kfd/kfd/topology"
	processDir  = "sys/class/kfd/kfd/proc"
)

// CreateTree makes the tree of a simulated node with 1 to 8 MI300X below root,
// or opens it when it is there: ids follow from the node's name and stay the same.
// A tree that was made for another node or GPU count is an error.
func CreateTree(root, node string, gpus int) (*Tree, error) {
	if node == "" || gpus < 1 || gpus > maxGPUs {
		return nil, fmt.Errorf("create simulated node %q with %d GPUs: it needs a name and 1 to %d GPUs", node, gpus, maxGPUs)
	}
	root, err := filepath.Abs(root)
	if err == nil {
		err = os.MkdirAll(root, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("create simulated node %s: %w", node, err)
	}
	t := &Tree{root: root, about: about{Node: node, GPUCount: gpus, Simulated: true, PIDSpace: ownPIDSpace()}}
	err = t.locked(func() error {
		if err := os.Chmod(t.lock().Path, lockMode); err != nil { // the umask has taken bits away
			return err
		}
		found, err := readAbout(root)
		if errors.Is(err, fs.ErrNotExist) {
			return t.build()
		}
		if err != nil {
			return err
		}
		if found.Node != node || found.GPUCount != gpus {
			return fmt.Errorf("%s holds node %s with %d GPUs; remove it or choose another folder", root, found.Node, found.GPUCount)
		}
		return t.writeAbout() // process ids count on the caller's side from now on
	})
	if err != nil {
		return nil, fmt.Errorf("create simulated node %s with %d GPUs: %w", node, gpus, err)
	}
	return OpenTree(root)
}

// OpenTree opens the tree that CreateTree has made at root.
func OpenTree(root string) (*Tree, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open simulated node: %w", err)
	}
	found, err := readAbout(root)
	if err != nil {
		return nil, fmt.Errorf("open simulated node at %s: %w", root, err)
	}
	t := &Tree{root: root, about: found}
	if t.gpus, err = readGPUs(root); err != nil {
		return nil, fmt.Errorf("open simulated node %s at %s: %w", found.Node, root, err)
	}
	return t, nil
}

// Root is the folder above sys and dev.
func (t *Tree) Root() string { return t.root }

// Node is the name of the simulated node.
func (t *Tree) Node() string { return t.about.Node }

// GPUs lists the GPUs that the tree had when it was opened, by KFD node number.
func (t *Tree) GPUs() []GPU { return slices.Clone(t.gpus) }

// all is GPUs without a copy; a tree that is not there has none.
func (t *Tree) all() []GPU {
	if t == nil {
		return nil
	}
	return t.gpus
}

// Used reads how many bytes of the GPU's VRAM are in use, idle use included.
func (t *Tree) Used(g GPU) (uint64, error) {
	return readNumber(filepath.Join(g.dir, "mem_info_vram_used"))
}

// build writes a whole tree. Leftovers of a build that was cut off are removed.
func (t *Tree) build() error {
	m, err := machineImage(t.about.Node, t.GPUCount)
	if err != nil {
		return err
	}
	for _, part := range []string{"sys", "dev", holdersDir, startsDir, stagingDir} {
		if err := os.RemoveAll(filepath.Join(t.root, part)); err != nil {
			return err
		}
	}
	if err := m.write(t.root); err != nil {
		return err
	}
	if err := makeDevices(filepath.Join(t.root, "dev")); err != nil {
		return err
	}
	for _, dir := range []string{holdersDir, startsDir, stagingDir} {
		if err := os.Mkdir(filepath.Join(t.root, dir), 0o755); err != nil {
			return err
		}
	}
	if err := t.openToGuests(); err != nil {
		return err
	}
	return t.writeAbout()
}

// openToGuests lets servers that run as another user record what they hold: they
// replace files in these folders and in no other.
func (t *Tree) openToGuests() error {
	gpus, err := readGPUs(t.root)
	if err != nil {
		return err
	}
	shared := []string{
		filepath.Join(t.root, holdersDir),
		filepath.Join(t.root, startsDir),
		filepath.Join(t.root, stagingDir),
		filepath.Join(t.root, processDir),
	}
	for _, g := range gpus {
		shared = append(shared, g.dir)
	}
	for _, dir := range shared {
		if err := os.Chmod(dir, 0o777); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) writeAbout() error {
	text, err := json.Marshal(t.about)
	if err != nil {
		return err
	}
	return t.replace(filepath.Join(t.root, aboutFile), string(text)+"\n")
}

func readAbout(root string) (about, error) {
	var a about
	text, err := os.ReadFile(filepath.Join(root, aboutFile))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("read %s: %w", aboutFile, err)
	}
	return a, nil
}
