package simulator

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PlantError makes a GPU show memory or link errors: ue uncorrectable and ce
// corrected ones of a RAS block ("umc" for memory, "gfx", "sdma", ...).
func (t *Tree) PlantError(g GPU, block string, ue, ce uint64) error {
	file := filepath.Join(g.dir, "ras", block+"_err_count")
	err := t.locked(func() error {
		if _, err := os.Stat(file); err != nil {
			return err
		}
		return t.replace(file, fmt.Sprintf("ue: %d\nce: %d\n", ue, ce))
	})
	if err != nil {
		return fmt.Errorf("plant a %s error in %s: %w", block, g.UUID, err)
	}
	return nil
}

// RemoveGPU takes a GPU out of KFD's topology, as the kernel does when it has
// failed: the PCI device is still there, and the generation has changed.
func (t *Tree) RemoveGPU(g GPU) error {
	topology := filepath.Join(t.root, topologyDir)
	err := t.locked(func() error {
		if err := os.RemoveAll(filepath.Join(topology, "nodes", fmt.Sprint(g.Node))); err != nil {
			return err
		}
		links, err := fs.Glob(os.DirFS(topology), "nodes/*/*_links/*/properties")
		if err != nil {
			return err
		}
		for _, link := range links {
			if err := unlinkNode(filepath.Join(topology, link), uint64(g.Node)); err != nil {
				return err
			}
		}
		file := filepath.Join(topology, "generation_id")
		n, err := readNumber(file)
		if err != nil {
			return err
		}
		return t.replace(file, fmt.Sprintf("%d\n", n+1))
	})
	if err != nil {
		return fmt.Errorf("remove %s: %w", g.UUID, err)
	}
	return nil
}

// unlinkNode removes a link's folder if the link leads to the node.
func unlinkNode(link string, node uint64) error {
	text, err := os.ReadFile(link)
	if err != nil || parseProperties(text)["node_to"] != node {
		return err
	}
	return os.RemoveAll(filepath.Dir(link))
}

// HoldForeign holds VRAM of one GPU (by its place in GPUs) until ctx ends, as a
// program that AIM Engine has not started would. The calling process takes the
// name, so that whoever looks the pid up sees it.
func HoldForeign(ctx context.Context, root string, gpu int, bytes uint64, name string) error {
	t, err := OpenTree(root)
	if err != nil {
		return err
	}
	if gpu < 0 || gpu >= len(t.gpus) {
		return fmt.Errorf("hold GPU %d of node %s: it has GPUs 0 to %d", gpu, t.about.Node, len(t.gpus)-1)
	}
	// Like prctl(PR_SET_NAME) on the main thread: the kernel keeps 15 bytes.
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return fmt.Errorf("take the name %q: %w", name, err)
	}
	h, err := t.Hold(name, t.gpus[gpu:gpu+1], bytes)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return h.Release()
}
