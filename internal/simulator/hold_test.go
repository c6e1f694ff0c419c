package simulator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/simulator"
)

const (
	idle = 297_611_264 // VRAM in use of an MI300X that nobody uses
	gib  = 1 << 30
)

// eventually polls until the condition holds; what is what the test waits for.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s still not: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func used(t *testing.T, tree *simulator.Tree, gpu int) uint64 {
	t.Helper()
	n, err := tree.Used(tree.GPUs()[gpu])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// kfdVRAM is what KFD shows of a process on a GPU, "" for nothing.
func kfdVRAM(tree *simulator.Tree, pid, gpu int) string {
	name := fmt.Sprintf("vram_%d", tree.GPUs()[gpu].KFDID)
	text, _ := os.ReadFile(filepath.Join(tree.Root(), "sys/class/kfd/kfd/proc", strconv.Itoa(pid), name))
	return strings.TrimSpace(string(text))
}

// reap plays the kernel for the length of the test.
func reap(t *testing.T, tree *simulator.Tree) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tree.Reap(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Reap: %v", err)
		}
	})
}

// run starts the test binary in another role, and kills it at the end.
func run(t *testing.T, role string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), append(env, roleKey+"="+role)...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	return cmd
}

func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

func TestHoldRaisesAndLowersVRAMInUse(t *testing.T) {
	tree := createTree(t, "sim-1", 2)
	gpus, pid := tree.GPUs(), os.Getpid()
	if got := used(t, tree, 0); got != idle {
		t.Fatalf("an idle GPU has %d bytes in use, want %d", got, idle)
	}
	h, err := tree.Hold("one", gpus, 3*gib)
	if err != nil {
		t.Fatal(err)
	}
	other, err := tree.Hold("two", gpus[1:], gib)
	if err != nil {
		t.Fatal(err)
	}
	check := func(step string, first, second uint64) {
		t.Helper()
		if a, b := used(t, tree, 0), used(t, tree, 1); a != idle+first || b != idle+second {
			t.Errorf("%s: %d and %d bytes beyond idle, want %d and %d", step, a-idle, b-idle, first, second)
		}
	}
	check("two holds", 3*gib, 4*gib)
	if a, b := kfdVRAM(tree, pid, 0), kfdVRAM(tree, pid, 1); a != "3221225472" || b != "4294967296" {
		t.Errorf("KFD shows %q and %q of this process, want 3 and 4 GiB", a, b)
	}
	queue := readText(t, tree.Root(), "sys/class/kfd/kfd/proc", strconv.Itoa(pid), "queues", fmt.Sprint(gpus[0].KFDID), "gpuid")
	if queue != fmt.Sprint(gpus[0].KFDID) {
		t.Errorf("the queue is on GPU %s, want %d", queue, gpus[0].KFDID)
	}
	if err := h.Set(5 * gib); err != nil {
		t.Fatal(err)
	}
	check("set", 5*gib, 6*gib)
	if err := errors.Join(h.Release(), h.Release()); err != nil {
		t.Fatal(err)
	}
	check("one released", 0, gib)
	if got := kfdVRAM(tree, pid, 0); got != "" {
		t.Errorf("KFD still shows %s on the released GPU", got)
	}
	if err := h.Set(gib); err == nil {
		t.Error("a released hold was set")
	}
	if err := other.Release(); err != nil {
		t.Fatal(err)
	}
	check("all released", 0, 0)
	if got := count(t, tree.Root(), "sys/class/kfd/kfd/proc/*"); got != 0 {
		t.Errorf("KFD still shows %d processes", got)
	}
}

func TestHoldNeverGivesMoreThanThereIs(t *testing.T) {
	tree := createTree(t, "sim-1", 2)
	gpus := tree.GPUs()
	const most = 206_141_652_992 - idle
	h, err := tree.Hold("most", gpus[1:], most-gib)
	if err != nil {
		t.Fatal(err)
	}
	var full *simulator.OutOfMemoryError
	if _, err := tree.Hold("both", gpus, 2*gib); !errors.As(err, &full) {
		t.Fatalf("two GPUs, one of them full: %v", err)
	}
	if full.Index != 1 || full.GPU.UUID != gpus[1].UUID || full.Free != gib || full.Asked != 2*gib {
		t.Errorf("refused with %+v", full)
	}
	if got := used(t, tree, 0); got != idle {
		t.Errorf("a refused hold took %d bytes", got-idle)
	}
	if err := h.Set(most + 1); !errors.As(err, &full) {
		t.Errorf("set to more than there is: %v", err)
	}
	if got := used(t, tree, 1); got != idle+most-gib {
		t.Errorf("a refused set left %d bytes, want %d", got-idle, uint64(most-gib))
	}
	if err := h.Set(most); err != nil {
		t.Errorf("set to all that there is: %v", err)
	}
}

func TestConcurrentHoldsShareOneGPUFairly(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	const each = 60 * gib // three of them fit
	results := make([]error, 6)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { _, results[i] = tree.Hold(fmt.Sprint(i), tree.GPUs(), each) })
	}
	wg.Wait()
	granted := 0
	for _, err := range results {
		if err == nil {
			granted++
		} else if !errors.As(err, new(*simulator.OutOfMemoryError)) {
			t.Errorf("refused for another reason: %v", err)
		}
	}
	if granted != 3 {
		t.Errorf("%d holds were granted, want 3", granted)
	}
	if got := used(t, tree, 0); got != idle+3*each {
		t.Errorf("%d bytes in use beyond idle, want %d", got-idle, uint64(3*each))
	}
}

func TestRecomputeChangesNothingTwice(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	if _, err := tree.Hold("one", tree.GPUs(), gib); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(tree.Root(), "sys/class/drm", fmt.Sprintf("renderD%d", tree.GPUs()[0].Render), "device/mem_info_vram_used")
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Recompute(); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || used(t, tree, 0) != idle+gib {
		t.Error("the file was written again, or its value is another one")
	}
}

func TestVRAMOfAKilledProcessIsFreed(t *testing.T) {
	tree := createTree(t, "sim-1", 2)
	reap(t, tree)
	cmd := run(t, "stranger", nil, tree.Root(), "1", strconv.Itoa(7*gib), "python3 of a stranger")
	start(t, cmd)
	eventually(t, "the stranger holds 7 GiB", func() bool { return used(t, tree, 1) == idle+7*gib })
	if got := kfdVRAM(tree, cmd.Process.Pid, 1); got != strconv.Itoa(7*gib) {
		t.Errorf("KFD shows %q of pid %d", got, cmd.Process.Pid)
	}
	if got := readText(t, "/proc", strconv.Itoa(cmd.Process.Pid), "comm"); got != "python3 of a st" {
		t.Errorf("the stranger is called %q", got)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, which is an error to Wait
	eventually(t, "the VRAM is free", func() bool { return used(t, tree, 1) == idle })
	eventually(t, "KFD forgets the process", func() bool { return count(t, tree.Root(), "sys/class/kfd/kfd/proc/*") == 0 })
	eventually(t, "the holder file is gone", func() bool { return count(t, tree.Root(), "holders/*") == 0 })
}

// In a container the holder knows only its pid in there.
func TestKFDShowsTheOutsidePIDOfAHolderInAnotherPIDNamespace(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	reap(t, tree)
	cmd := run(t, "stranger", nil, tree.Root(), "0", strconv.Itoa(gib), "guest")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := cmd.Start(); err != nil {
		t.Skipf("this user cannot make pid namespaces: %v", err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	eventually(t, "the guest holds VRAM", func() bool { return used(t, tree, 0) == idle+gib })
	eventually(t, "KFD shows the guest's pid out here", func() bool {
		return kfdVRAM(tree, cmd.Process.Pid, 0) == strconv.Itoa(gib)
	})
	if got := count(t, tree.Root(), "sys/class/kfd/kfd/proc/*"); got != 1 {
		t.Errorf("KFD shows %d processes, want 1", got)
	}
}

func TestHoldForeignRefusesAGPUThatIsNotThere(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	err := simulator.HoldForeign(t.Context(), tree.Root(), 1, gib, "python3")
	if err == nil || !strings.Contains(err.Error(), "has GPUs 0 to 0") {
		t.Errorf("HoldForeign: %v", err)
	}
}
