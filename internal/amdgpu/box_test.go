package amdgpu

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-engine/aim"
)

// hanging makes a file hang until the returned function is called.
func hanging(t *memTree, name string) (release func()) {
	c := make(chan struct{})
	t.hang[name] = c
	return func() { close(c) }
}

// TestHangingDevice asserts that a device file that never answers costs one time
// box and its own GPU, that no second read is piled upon it, and that the GPU is
// back once the file answers. Time is simulated: it passes only when everything
// that can go on has done so.
func TestHangingDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host{gpus: []card{mi300x(0), mi300x(1), mi300x(2)}}
		tree := h.tree()
		file := h.gpus[1].file("ras/umc_err_count")
		release := hanging(tree, file)
		reader := New("", WithFS(tree), WithTimeBox(time.Second))

		for range 3 {
			start := time.Now()
			got, err := reader.Detect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %v", took)
			}
			if len(got.GPUs) != 3 {
				t.Fatalf("offered are %+v", got.GPUs)
			}
			for i, g := range got.GPUs {
				if i == 1 {
					continue
				}
				if ok, why := g.Usable(); !ok || g.ComputeMode != "SPX" || *g.VRAMUsedBytes != 297611264 {
					t.Errorf("%s: %s %+v", g.ID, why, g)
				}
			}
			g := got.GPUs[1]
			if g.Health != aim.HealthUnhealthy || !strings.Contains(g.HealthReason, file) || g.VRAMUsedBytes != nil {
				t.Errorf("the hanging GPU is %s because %q", g.Health, g.HealthReason)
			}
		}
		if tree.read(file) != 1 {
			t.Errorf("the hanging file was opened %d times", tree.read(file))
		}
		release()
		synctest.Wait()
		got, err := reader.Detect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if g := got.GPUs[1]; g.Health != aim.HealthOK {
			t.Errorf("after it answered the GPU is %s because %q", g.Health, g.HealthReason)
		}
	})
}

// TestHangingNode asserts the same for a node of the KFD topology: its GPU is
// not offered, and named.
func TestHangingNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host{gpus: []card{mi300x(0), mi300x(1)}}
		tree := h.tree()
		release := hanging(tree, nodePath(2)+"/mem_banks/0/used_memory")
		defer release()
		got := detect(t, tree)
		if len(got.GPUs) != 1 || got.GPUs[0].PCI != h.gpus[1].at {
			t.Errorf("offered are %+v", got.GPUs)
		}
		if why := notOfferedAt(t, got, h.gpus[0].at); !strings.Contains(why, "used_memory has not answered") {
			t.Errorf("not offered because %q", why)
		}
	})
}

// TestHangingHost asserts that what is not a GPU can hang without hiding any.
func TestHangingHost(t *testing.T) {
	for _, file := range []string{
		"sys/module/amdgpu/version",
		busDir + "/0000:00:1f.0/vendor",
		processesDir + "/5/vram_1002",
		topologyDir + "/generation_id",
	} {
		synctest.Test(t, func(t *testing.T) {
			tree := host{gpus: []card{mi300x(0), mi300x(1)}}.tree()
			process(tree, 5, "", map[int]uint64{gpuID(0): 1})
			release := hanging(tree, file)
			defer release()
			got := detect(t, tree)
			if len(got.GPUs) != 2 || got.GPUs[0].Health != aim.HealthOK || *got.GPUs[0].VRAMUsedBytes == 0 {
				t.Errorf("%s hangs: got %+v", file, got)
			}
		})
	}
}

// TestCancel asserts that a caller who gives up gets an error at once, and does
// not leave the devices marked as hanging.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mi300x(0)
		tree := host{gpus: []card{c}}.tree()
		release := hanging(tree, c.file("numa_node"))
		reader := New("", WithFS(tree))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := reader.Detect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		if _, err := reader.Detect(t.Context()); err != nil || tree.read(c.file("numa_node")) != 2 {
			t.Errorf("the device was read %d times, %v; want once a call", tree.read(c.file("numa_node")), err)
		}
		release()
		synctest.Wait()
		got, err := reader.Detect(t.Context())
		if err != nil || got.GPUs[0].Health != aim.HealthOK {
			t.Errorf("afterwards: %+v, %v", got, err)
		}
	})
}

// TestCallersWhoGiveUpOnAHangingDevice asserts that a device that never answers
// costs a bounded number of reads, also where every caller gives up before its
// time box has run out.
func TestCallersWhoGiveUpOnAHangingDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := mi300x(0)
		tree := host{gpus: []card{c}}.tree()
		release := hanging(tree, c.file("numa_node"))
		reader := New("", WithFS(tree), WithTimeBox(time.Second))
		for range 300 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, _ = reader.Detect(ctx)
			cancel()
			time.Sleep(100 * time.Millisecond)
		}
		if n := tree.read(c.file("numa_node")); n > 10 {
			t.Errorf("300 callers have left %d reads behind", n)
		}
		release()
		synctest.Wait()
		if got, err := reader.Detect(t.Context()); err != nil || got.GPUs[0].Health != aim.HealthOK {
			t.Errorf("afterwards: %+v, %v", got, err)
		}
	})
}

// TestGeneration asserts that the cheap poll follows the topology, and that a
// topology that changes while it is read is read again.
func TestGeneration(t *testing.T) {
	tree := host{gpus: []card{mi300x(0)}}.tree()
	reader := New("", WithFS(tree))
	if got := reader.Generation(); got != "3" {
		t.Errorf("generation is %q", got)
	}
	if got := New("", WithFS(newTree())).Generation(); got != "" {
		t.Errorf("generation without KFD is %q", got)
	}
	moving := &movingTree{before: tree, after: host{gpus: []card{mi300x(0), mi300x(1)}}.tree()}
	got := detect(t, moving)
	if len(got.GPUs) != 2 || got.Generation != "4" {
		t.Errorf("%d GPUs in generation %s", len(got.GPUs), got.Generation)
	}
}

// movingTree turns from one tree into another when generation_id is read for the
// second time.
type movingTree struct {
	before, after *memTree
	asked         int
}

func (m *movingTree) now() *memTree {
	if m.asked < 2 {
		return m.before
	}
	return m.after
}

func (m *movingTree) ReadFile(name string, buf []byte) ([]byte, error) {
	if strings.HasSuffix(name, "/generation_id") {
		m.asked++
	}
	if strings.HasPrefix(name, topologyDir) {
		return m.now().ReadFile(name, buf)
	}
	return m.after.ReadFile(name, buf)
}

func (m *movingTree) ReadDir(name string) ([]string, error) {
	if strings.HasPrefix(name, topologyDir) {
		return m.now().ReadDir(name)
	}
	return m.after.ReadDir(name)
}

func (m *movingTree) ReadLink(name string) (string, error) { return m.after.ReadLink(name) }

// turningTree turns from one tree into another after so many reads, wherever that
// finds the reader.
type turningTree struct {
	now, next FS
	left      atomic.Int64
}

func (t *turningTree) at() FS {
	if t.left.Add(-1) >= 0 {
		return t.now
	}
	return t.next
}

func (t *turningTree) ReadFile(name string, buf []byte) ([]byte, error) {
	return t.at().ReadFile(name, buf)
}
func (t *turningTree) ReadDir(name string) ([]string, error) { return t.at().ReadDir(name) }
func (t *turningTree) ReadLink(name string) (string, error)  { return t.at().ReadLink(name) }

// TestChangeAtAnyMoment asserts that a GPU that goes away while the machine is
// being read is there, is not, or is there with the reason why it cannot be given
// out; and that the other one is not touched by it.
func TestChangeAtAnyMoment(t *testing.T) {
	stays, goes := mi300x(0), mi300x(1)
	whole := host{gpus: []card{stays, goes}}.tree()
	half := host{gpus: []card{stays}}.tree()
	half.files[topologyDir+"/generation_id"] = "99\n"
	for reads := range int64(400) {
		tree := &turningTree{now: whole, next: half}
		tree.left.Store(reads)
		got := detect(t, tree)
		if g := at(t, got, stays.at, 0); g.Health != aim.HealthOK || g.VRAMBytes == nil || g.RenderMinor == nil {
			t.Fatalf("after %d reads: the GPU that stays is %+v", reads, g)
		}
		if got.Generation == "99" && len(got.GPUs) != 1 {
			t.Fatalf("after %d reads: %d GPUs in the generation that has one", reads, len(got.GPUs))
		}
	}
}
