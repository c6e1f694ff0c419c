package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim/bench/canned"
	"github.com/aim-engine/aim/workflows"
)

// floor is a Temporal server of its own, tuned as ours is, on which the same
// workflows run over canned answers.
type floor struct {
	temporal client.Client
	server   *exec.Cmd
	end      context.CancelFunc
	ended    chan error
}

func startFloor(ctx context.Context, b *bench, nodes ...string) (*floor, error) {
	dir := filepath.Join(b.dir, "floor")
	ready := filepath.Join(b.dir, "floor.json")
	args := []string{"--dir", dir, "--ready-file", ready}
	for name, kind := range workflows.SearchAttributes() {
		args = append(args, "--search-attribute", name+"="+kind)
	}
	f := &floor{server: exec.Command(filepath.Join(b.bin, "aim-devserver"), args...), ended: make(chan error, 1)}
	if err := f.server.Start(); err != nil {
		return nil, err
	}
	address, err := awaitAddress(ctx, ready)
	if err != nil {
		f.stop()
		return nil, err
	}
	f.temporal, err = client.DialContext(ctx, client.Options{
		HostPort: address, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		f.stop()
		return nil, err
	}
	run, end := context.WithCancel(ctx)
	f.end = end
	go func() { f.ended <- canned.Run(run, f.temporal, nodes...) }()
	return f, nil
}

func awaitAddress(ctx context.Context, file string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		data, err := os.ReadFile(file)
		if err == nil {
			var r struct {
				Address string `json:"temporal_address"`
			}
			return r.Address, json.NewDecoder(bytes.NewReader(data)).Decode(&r)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the Temporal server did not get ready: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (f *floor) stop() {
	if f.end != nil {
		f.end()
		<-f.ended
		f.temporal.Close()
	}
	_ = f.server.Process.Signal(os.Interrupt)
	_ = f.server.Wait()
}

// bare is the plainest workflow with as many activities as a deployment has on
// its node: the engine's own floor, printed beside ours.
func bare(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range 6 {
		if err := workflow.ExecuteActivity(ctx, "nothing").Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// bareTimes runs the plain workflow n times.
func (f *floor) bareTimes(ctx context.Context, n int) ([]time.Duration, error) {
	w := worker.New(f.temporal, "bare", worker.Options{DisableEagerActivities: true})
	w.RegisterWorkflowWithOptions(bare, workflow.RegisterOptions{Name: "bare"})
	w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "nothing"})
	if err := w.Start(); err != nil {
		return nil, err
	}
	defer w.Stop()
	var all []time.Duration
	for range n {
		began := time.Now()
		run, err := f.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "bare"}, "bare")
		if err != nil {
			return nil, err
		}
		if err := run.Get(ctx, nil); err != nil {
			return nil, err
		}
		all = append(all, time.Since(began))
	}
	return all, nil
}
