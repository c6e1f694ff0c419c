package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/discovery"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// idle measures what a fleet at rest asks of Temporal: requests as its own processes
// count them (worker heartbeats are off, and nobody else asks), and polls that nodes
// keep open.
func (b bench) idle(ctx context.Context) (map[string]float64, error) {
	const nodes, replicas, settle, during = 40, 100, 30 * time.Second, 150 * time.Second
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "idle"), Simulate: fmt.Sprintf("%dx8", nodes)})
	if err != nil {
		return nil, err
	}
	defer s.Down(context.WithoutCancel(ctx))
	if err := s.Apply(ctx, aim.DeploymentSpec{Model: "Qwen/Qwen3-8B", Name: "idle", Replicas: replicas}); err != nil {
		return nil, err
	}
	if _, err := s.AwaitPhase(ctx, "idle", aim.Ready); err != nil {
		return nil, err
	}
	if err := pause(ctx, settle); err != nil { // extra polls of a busy node are given up
		return nil, err
	}
	before, err := readAll(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, during); err != nil {
		return nil, err
	}
	after, err := readAll(ctx, s)
	if err != nil {
		return nil, err
	}
	note("idle, by operation a second: %s", perSecond(before.requests, after.requests, during))
	return map[string]float64{
		"engine_idle_rps":       float64(total(after.requests)-total(before.requests)) / during.Seconds(),
		"engine_polls_per_node": after.nodePolls / nodes,
	}, nil
}

// counted is what the processes of a stack say of Temporal.
type counted struct {
	requests  map[string]float64 // by operation
	nodePolls float64            // open activity polls of all agents
}

func readAll(ctx context.Context, s *stack.Stack) (counted, error) {
	sum := counted{requests: map[string]float64{}}
	control, err := s.Find(stack.Control)
	if err != nil {
		return sum, err
	}
	i := slices.Index(control.Args, "--metrics")
	if i < 0 {
		return sum, fmt.Errorf("control was started without --metrics: %v", control.Args)
	}
	sd, err := get(ctx, "http://"+control.Args[i+1]+"/sd")
	if err != nil {
		return sum, err
	}
	defer sd.Body.Close()
	var groups []discovery.Group
	if err := json.NewDecoder(sd.Body).Decode(&groups); err != nil {
		return sum, fmt.Errorf("read /sd: %w", err)
	}
	for _, g := range groups {
		if job := g.Labels["job"]; job == "aim-control" || job == "aim-node" {
			if err := sum.add(ctx, "http://"+g.Targets[0]+"/metrics", job == "aim-node"); err != nil {
				return sum, err
			}
		}
	}
	return sum, nil
}

// add adds one process. Its lines are name{label="value",...} value.
func (c *counted) add(ctx context.Context, url string, node bool) error {
	page, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer page.Body.Close()
	for lines := bufio.NewScanner(page.Body); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), "{")
		labels, text, ok := strings.Cut(rest, "} ")
		value, err := strconv.ParseFloat(text, 64)
		switch {
		case !ok || err != nil:
		case strings.TrimSuffix(name, "_total") == "temporal_request", strings.TrimSuffix(name, "_total") == "temporal_long_request":
			_, operation, _ := strings.Cut(labels, `operation="`)
			operation, _, _ = strings.Cut(operation, `"`)
			c.requests[operation] += value
		case node && name == "temporal_num_pollers" && strings.Contains(labels, `poller_type="activity_task"`):
			c.nodePolls += value
		}
	}
	return nil
}

func get(ctx context.Context, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}

func total(requests map[string]float64) (n int) {
	for _, v := range requests {
		n += int(v)
	}
	return n
}

func perSecond(before, after map[string]float64, during time.Duration) string {
	var all []string
	for operation, n := range after {
		if more := n - before[operation]; more > 0 {
			all = append(all, fmt.Sprintf("%s %.2f", operation, more/during.Seconds()))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// ps measures the list of a thousand deployments: eight that serve, and the others wait.
func (b bench) ps(ctx context.Context) (map[string]float64, error) {
	const many, rounds = 1000, 9
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "ps"), Simulate: "1x8"})
	if err != nil {
		return nil, err
	}
	defer s.Down(context.WithoutCancel(ctx))
	var asked errgroup.Group
	asked.SetLimit(16)
	for i := range many {
		asked.Go(func() error {
			return s.Apply(ctx, aim.DeploymentSpec{Model: "Qwen/Qwen3-8B", Name: fmt.Sprintf("d%d", i)})
		})
	}
	if err := asked.Wait(); err != nil {
		return nil, err
	}
	var took []time.Duration
	for lines := 0; len(took) < rounds; {
		r := s.Aim(ctx, "ps")
		if err := r.Error(); err != nil {
			return nil, err
		}
		if lines = strings.Count(r.Out, "\n"); lines == many+1 && strings.Count(r.Out, "Ready") == 8 && strings.Count(r.Out, "Placing") == many-8 {
			took = append(took, r.Took)
		} else if err := pause(ctx, time.Second); err != nil { // they still come
			return nil, fmt.Errorf("%w; the list has %d lines", err, lines)
		}
	}
	slices.Sort(took)
	note("aim ps over %d deployments: %v", many, took)
	return map[string]float64{"ps_1000_ms": float64(took[rounds/2].Milliseconds())}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
