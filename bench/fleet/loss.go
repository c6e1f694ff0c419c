package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/settings"
)

const (
	lossModel = "meta-llama/Llama-3.1-8B-Instruct"
	lookEvery = 5 * time.Millisecond
)

// loss measures how soon it is known, and acted upon, that something is gone.
func (b bench) loss(ctx context.Context) (map[string]float64, error) {
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "loss"), Simulate: "1x8"})
	if err != nil {
		return nil, err
	}
	defer s.Down(context.WithoutCancel(ctx))
	found := map[string]float64{}
	const rounds = 3
	for name, how := range map[string]func(int) error{
		// Connections are refused: processes are gone and the machine answers.
		"node_loss_detect_s": func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) },
		// Nothing answers: what is asked times out, as behind a cut.
		"node_cut_detect_s": func(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) },
	} {
		var took []time.Duration
		for range rounds {
			d, err := loseNode(ctx, s, how)
			if err != nil {
				return found, fmt.Errorf("%s: %w", name, err)
			}
			took = append(took, d)
		}
		note("%s: %v", name, took)
		found[name] = slices.Max(took).Seconds()
	}
	dead, lag, err := deaths(ctx, s, 5)
	if err != nil {
		return found, err
	}
	note("of %d deaths of servers: known to status after %v in the middle, %v at most; behind the node's own word by %v at most",
		len(dead), dead[len(dead)/2], dead[len(dead)-1], lag[len(lag)-1])
	found["dead_told_ready_s"] = percentile(dead, 99).Seconds()
	found["status_lag_p99_ms"] = float64(percentile(lag, 99).Microseconds()) / 1000
	return found, nil
}

// loseNode joins a node, has it serve, takes agent and servers away at once, and
// measures until the replacement has its place on the other node.
func loseNode(ctx context.Context, s *stack.Stack, how func(pid int) error) (time.Duration, error) {
	// One node, again and again: several that are lost at once are held for a fault of
	// the network.
	const name, label, id = "lost", "rack=lost", "loses"
	agent, err := s.StartAgent(ctx, id, 8, "process", "19600-19699")
	if err != nil {
		return 0, err
	}
	if err := s.Aim(ctx, "node", "label", id, label).Error(); err != nil {
		return 0, err
	}
	if err := s.Apply(ctx, aim.DeploymentSpec{Model: lossModel, Name: name, Selector: map[string]string{"rack": "lost"}}); err != nil {
		return 0, err
	}
	if _, err := s.AwaitPhase(ctx, name, aim.Ready); err != nil {
		return 0, err
	}
	if err := s.Aim(ctx, "node", "label", "n1", label).Error(); err != nil { // from now on there is another place
		return 0, err
	}
	pids, err := serversBelow(s, agent.Root)
	if err != nil {
		return 0, err
	}
	gone := time.Now()
	for _, pid := range append([]int{agent.PID()}, pids...) {
		if err := how(pid); err != nil {
			return 0, err
		}
	}
	_, err = s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return slices.ContainsFunc(st.Replicas, func(r aim.ReplicaStatus) bool { return r.Node == "n1" })
	})
	took := time.Since(gone)
	for _, pid := range pids { // those that were stopped
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = agent.Kill() // it may be gone
	if err != nil {
		return 0, err
	}
	if err := stack.Stop(ctx, s.Temporal(), name); err != nil {
		return 0, err
	}
	return took, s.Aim(ctx, "node", "label", "n1", "rack-").Error()
}

func serversBelow(s *stack.Stack, root string) (pids []int, err error) {
	all, err := s.Servers()
	for _, p := range all {
		if slices.Contains(p.Args, root) {
			pids = append(pids, p.PID)
		}
	}
	if err == nil && len(pids) == 0 {
		err = fmt.Errorf("no server runs below %s", root)
	}
	return pids, err
}

// deaths kills servers of eight deployments, one after the other, round by round. It
// returns, in order, how long status called each one ready after its end, and how long
// after its node had said otherwise.
func deaths(ctx context.Context, s *stack.Stack, rounds int) (dead, lag []time.Duration, err error) {
	conn, err := inventory.Connect(ctx, settings.NATS{URL: s.NATSURL}, "bench", slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	view := inventory.NewView(conn, inventory.ViewOptions{Log: slog.New(slog.DiscardHandler)})
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = view.Run(watching) }()
	select {
	case <-view.Settled():
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	for range rounds {
		const at = 8
		for i := range at {
			if err := s.Apply(ctx, aim.DeploymentSpec{Model: lossModel, Name: fmt.Sprintf("dies-%d", i), ServedName: fmt.Sprintf("dies-%d", i)}); err != nil {
				return dead, lag, err
			}
		}
		for i := range at {
			name := fmt.Sprintf("dies-%d", i)
			if _, err := s.AwaitPhase(ctx, name, aim.Ready); err != nil {
				return dead, lag, err
			}
			d, l, err := die(ctx, s, view, name)
			if err != nil {
				return dead, lag, fmt.Errorf("the death of %s: %w", name, err)
			}
			dead, lag = append(dead, d), append(lag, l)
		}
		for i := range at {
			if err := stack.Stop(ctx, s.Temporal(), fmt.Sprintf("dies-%d", i)); err != nil {
				return dead, lag, err
			}
		}
	}
	slices.Sort(dead)
	slices.Sort(lag)
	return dead, lag, nil
}

// die kills the one server of a deployment.
func die(ctx context.Context, s *stack.Stack, view *inventory.View, name string) (dead, lag time.Duration, err error) {
	before, err := s.Status(ctx, name)
	if err != nil {
		return 0, 0, err
	}
	servers, err := s.Servers()
	if err != nil {
		return 0, 0, err
	}
	i := slices.IndexFunc(servers, func(p stack.Process) bool { return slices.Contains(p.Args, name) })
	if i < 0 {
		return 0, 0, fmt.Errorf("it has no server")
	}
	changed, stop := view.Changes()
	defer stop()
	heard := make(chan time.Time, 1)
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-waiting.Done():
				return
			case <-changed:
				if !serves(view.Fleet(), before.UID) {
					heard <- time.Now()
					return
				}
			}
		}
	}()
	killed := time.Now()
	if err := syscall.Kill(servers[i].PID, syscall.SIGKILL); err != nil {
		return 0, 0, err
	}
	for {
		st, err := s.Status(ctx, name)
		if err != nil {
			return 0, 0, err
		}
		if !slices.ContainsFunc(st.Replicas, func(r aim.ReplicaStatus) bool {
			return r.Phase == aim.Ready && r.Attempt == before.Replicas[0].Attempt && strings.EqualFold(r.Endpoint, before.Replicas[0].Endpoint)
		}) {
			break
		}
		if err := pause(ctx, lookEvery); err != nil {
			return 0, 0, err
		}
	}
	told := time.Now()
	select {
	case at := <-heard:
		return told.Sub(killed), max(told.Sub(at), 0), nil
	case <-time.After(5 * time.Second): // status was first, and by far
		return told.Sub(killed), 0, nil
	}
}

// serves tells whether a node still says that a server of the deployment is well.
func serves(fleet aim.Fleet, uid string) bool {
	for _, n := range fleet.Nodes {
		for _, e := range n.Endpoints {
			if e.UID == uid && e.Healthy {
				return true
			}
		}
	}
	return false
}

// percentile of sorted durations: the smallest that so many per cent do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}
