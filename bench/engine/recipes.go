package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/recipes"
)

// planned is how often each plan is made; the least time counts.
const planned = 10

// benchPlan plans with a folder of 10,000 recipe files, by the program itself
// and without a fleet, so that the time is that of the catalogue.
func benchPlan(ctx context.Context, b *bench) error {
	small, large := filepath.Join(b.dir, "recipes-100"), filepath.Join(b.dir, "recipes-10000")
	if err := errors.Join(writeRecipes(small, 100), writeRecipes(large, 10_000)); err != nil {
		return err
	}
	_, memorySmall, err := b.plan(ctx, small)
	if err != nil {
		return err
	}
	took, memory, err := b.plan(ctx, large)
	if err != nil {
		return err
	}
	tell("plan_10k_ms", ms(took), "ms", 100)
	note("memory at its peak: %d MiB with 100 recipe files, %d MiB with 10,000", memorySmall>>10, memory>>10)
	return nil
}

// plan runs the command several times; memory is in KiB.
func (b *bench) plan(ctx context.Context, folder string) (least time.Duration, memory int64, err error) {
	for range planned {
		cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "aim"), "plan", "acme/model-7", "--recipes", folder)
		cmd.Env = append(config.Environ(os.Environ()), "AIM_DIR="+b.dir, "NATS_URL=nats://127.0.0.1:1", "HF_HUB_OFFLINE=1")
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, 0, fmt.Errorf("aim plan: %w: %s", err, out)
		}
		if took := time.Since(began); least == 0 || took < least {
			least = took
		}
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			memory = usage.Maxrss
		}
	}
	return least, memory, nil
}

// writeRecipes makes a folder of so many recipe files, four a model.
func writeRecipes(folder string, n int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for i := range n {
		text := fmt.Sprintf("recipe_id: model-%d-%d\nmodel_id: acme/model-%d\nhardware: {gpu_type: MI300X, gpu_count: %d, memory_requirement: 80GB}\n"+
			"precision: bf16\nbackend: vllm\nconfig:\n  max_model_len: 32768\n  gpu_memory_utilization: 0.9\n  max_num_batched_tokens: 4096\n"+
			"env:\n  VLLM_ROCM_USE_AITER: \"1\"\nevidence:\n  - source: made up for a measurement\n", i/4, i%4, i/4, 1<<(i%4))
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("recipe-%05d.yaml", i)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// benchLadder times estimate and ladder of a model that was asked for before:
// the least average of several rounds.
func benchLadder(context.Context, *bench) error {
	const rounds, times = 20, 100
	c, err := recipes.Load()
	if err != nil {
		return err
	}
	fleet, spec := boxes(1), aim.DeploymentSpec{Model: "meta-llama/Llama-3.3-70B-Instruct"}
	least := time.Duration(1 << 62)
	for range rounds {
		began := time.Now()
		for range times {
			if _, err := c.Ladder(spec, fleet); err != nil {
				return err
			}
		}
		least = min(least, time.Since(began)/times)
	}
	tell("ladder_us", float64(least.Nanoseconds())/1000, "us", 100)
	return nil
}

// boxes is a fleet of idle machines with eight MI300X.
func boxes(n int) aim.Fleet {
	var f aim.Fleet
	for i := range n {
		node := aim.Node{ID: fmt.Sprintf("n%d", i)}
		for j := range 8 {
			vram, minor := uint64(206141652992), 128+j
			node.GPUs = append(node.GPUs, aim.GPU{ID: fmt.Sprintf("GPU-%d-%d", i, j), Type: "MI300X", Arch: "gfx942", VRAMBytes: &vram, RenderMinor: &minor, Health: aim.HealthOK})
		}
		f.Nodes = append(f.Nodes, aim.FleetNode{Node: node, Liveness: aim.Alive})
	}
	return f
}
