package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/amdgpu"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/internal/hub"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/ledger"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/simulator"
)

// partitioned is a captured host with 8 GPUs in 4 partitions each.
const partitioned = "internal/amdgpu/testdata/kfd-mi308x-8x-4part.tar.gz"

// benchDetect takes the least of many full detections.
func benchDetect(ctx context.Context, b *bench) error {
	spx := filepath.Join(b.dir, "spx")
	if _, err := simulator.CreateTree(spx, "bench", 8); err != nil {
		return err
	}
	parts := filepath.Join(b.dir, "partitions")
	if err := unpack(partitioned, parts); err != nil {
		return err
	}
	for _, c := range []struct {
		name, root string
		gpus       int
	}{{"detect_spx_ms", spx, 8}, {"detect_partitions_ms", parts, 32}} {
		reader, best := amdgpu.New(c.root), time.Hour
		for range 50 {
			began := time.Now()
			d, err := reader.Detect(ctx)
			if err != nil || len(d.GPUs) != c.gpus {
				return fmt.Errorf("detect %s: %d GPUs, %w", c.root, len(d.GPUs), err)
			}
			best = min(best, time.Since(began))
		}
		tell(c.name, ms(best), "ms", 10)
	}
	return nil
}

func unpack(file, into string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := openRoot(into)
	if err != nil {
		return err
	}
	defer root.Close()
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackOne(root, h, archive); err != nil {
			return err
		}
	}
}

func openRoot(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

func unpackOne(root *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.Clean(h.Name)
	if h.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeSymlink {
		return root.Symlink(h.Linkname, name)
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// benchClaim measures the body of the Claim activity: reading the GPUs afresh,
// the clean check, the port, and the ledger with its fsync.
func benchClaim(ctx context.Context, b *bench) error {
	const rounds = 200
	root := filepath.Join(b.dir, "claim")
	tree, err := simulator.CreateTree(root, "bench", 8)
	if err != nil {
		return err
	}
	l, err := ledger.Open(filepath.Join(b.dir, "ledger"), "boot")
	if err != nil {
		return err
	}
	defer l.Close()
	n := node.New(ctx, node.Ports{
		GPUs: amdgpu.New(root), Ledger: l,
		Hub: func(string) (node.Hub, error) {
			return hub.New(settings.Weights{Cache: filepath.Join(b.dir, "cache")}, "")
		},
		Machine: func() aim.Machine { return aim.Machine{} },
	}, node.Options{
		Node: settings.Node{ID: "bench", Address: "127.0.0.1", Ports: settings.Ports{First: 19000, Last: 19099}},
		Log:  slog.New(slog.DiscardHandler),
	})
	var all []time.Duration
	for i := range rounds {
		id := aim.Identity{Deployment: "bench", UID: "u", Attempt: i + 1, Token: fmt.Sprint(i)}
		began := time.Now()
		if _, err := n.Claim(ctx, activities.ClaimRequest{Identity: id, GPUs: []string{"GPU-" + tree.GPUs()[i%8].UUID[4:]}}); err != nil {
			return err
		}
		all = append(all, time.Since(began))
		if _, err := n.Release(ctx, activities.ReleaseRequest{Identity: id}); err != nil {
			return err
		}
	}
	tell("claim_p50_ms", ms(median(all)), "ms", 5)
	return nil
}

// benchLiveness measures how soon a view of the fleet knows that an agent was
// killed, and that one hangs.
func benchLiveness(ctx context.Context, b *bench) error {
	const kills, hangs = 8, 4
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "liveness"), Simulate: "2x1"})
	if err != nil {
		return err
	}
	defer s.Down(ctx)
	conn, err := inventory.Connect(ctx, settings.NATS{URL: s.NATSURL}, "aim-bench", nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	view := inventory.NewView(conn, inventory.ViewOptions{})
	run, end := context.WithCancel(ctx)
	defer end()
	go func() { _ = view.Run(run) }() // ends with the bench
	var killed []time.Duration
	for range kills {
		took, err := untilSilent(ctx, s, view, syscall.SIGKILL)
		if err != nil {
			return err
		}
		killed = append(killed, took)
	}
	tell("agent_kill_known_p99_ms", ms(worst(killed)), "ms", 50)
	var hung []time.Duration
	for range hangs {
		took, err := untilSilent(ctx, s, view, syscall.SIGSTOP)
		if err != nil {
			return err
		}
		hung = append(hung, took)
	}
	tell("agent_hang_known_ms", ms(worst(hung)), "ms", 1000)
	return nil
}

// untilSilent sends the signal to the agent of n1 and waits until the view
// knows; then it lets the agent come back.
func untilSilent(ctx context.Context, s *stack.Stack, view *inventory.View, signal syscall.Signal) (time.Duration, error) {
	alive := func(want bool) func() (bool, error) {
		return func() (bool, error) {
			v, ok := view.Verdict("n1")
			return ok && (v.Liveness == aim.Alive) == want, nil
		}
	}
	if err := stack.Eventually(ctx, alive(true)); err != nil {
		return 0, err
	}
	p, err := s.Find(stack.NodeProcess("n1"))
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := syscall.Kill(p.PID, signal); err != nil {
		return 0, err
	}
	if err := stack.Eventually(ctx, alive(false)); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if signal == syscall.SIGSTOP {
		return took, syscall.Kill(p.PID, syscall.SIGCONT)
	}
	return took, nil
}

// worst is the p99 of a few.
func worst(all []time.Duration) (w time.Duration) {
	for _, d := range all {
		w = max(w, d)
	}
	return w
}
