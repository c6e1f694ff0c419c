package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// The inventory at fleet scale takes three processes besides this one, which are
// this program again in another role: a NATS server, the agents of the whole
// fleet at one beat a second each, and the control process that is measured.

// roleVariable names the role that a child plays; its arguments follow.
const roleVariable = "AIM_BENCH_ROLE"

// heard is what the control process reports.
type heard struct {
	Nodes     int     `json:"nodes"`      // alive at the end
	CPU       float64 `json:"cpu"`        // of one core, while it was measured
	Changes   int     `json:"changes"`    // whose staleness was measured
	StaleP99  float64 `json:"stale_p99"`  // ms from a node's change to the view showing it
	StaleMost float64 `json:"stale_most"` // ms
}

// fleets are the fleets that are measured, and what is to be reached.
var fleets = []struct {
	name  string // in the figures; "" = for comparison only
	nodes int
	cpu   float64 // percent of one core
	stale float64 // ms; less than a beat is to keep up
}{{"", 1_000, 0, 0}, {"10k", 10_000, 8, 10}, {"50k", 50_000, 40, 1000}}

func benchInventory(ctx context.Context, _ *bench) error {
	for _, f := range fleets {
		h, err := hearFleet(ctx, f.nodes)
		if err != nil {
			return fmt.Errorf("%d nodes: %w", f.nodes, err)
		}
		note("%d nodes: %.1f µs of control's time a node and second; staleness of %d changes p99 %.1f ms, at most %.1f ms",
			f.nodes, h.CPU*1e6/float64(f.nodes), h.Changes, h.StaleP99, h.StaleMost)
		if h.Nodes != f.nodes {
			return fmt.Errorf("%d of %d nodes are alive at the end: it does not keep up", h.Nodes, f.nodes)
		}
		if f.name != "" {
			tell("inventory_"+f.name+"_core_pct", 100*h.CPU, "%", f.cpu)
			tell("inventory_"+f.name+"_stale_p99_ms", h.StaleP99, "ms", f.stale)
		}
	}
	return nil
}

// hearFleet runs the three processes until control has measured.
func hearFleet(ctx context.Context, nodes int) (h heard, err error) {
	server, err := play(ctx, "nats")
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, server.end()) }()
	url, err := server.line()
	if err != nil {
		return h, err
	}
	agents, err := play(ctx, "agents", url, strconv.Itoa(nodes))
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, agents.end()) }()
	if _, err := agents.line(); err != nil { // they all beat
		return h, err
	}
	control, err := play(ctx, "control", url, strconv.Itoa(nodes))
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, control.end()) }()
	report, err := control.line()
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal([]byte(report), &h)
}

// player is a child in its role. It ends when its standard input does.
type player struct {
	role  string
	cmd   *exec.Cmd
	input io.WriteCloser
	lines *bufio.Reader
}

func play(ctx context.Context, role string, args ...string) (*player, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &player{role: role, cmd: exec.CommandContext(ctx, self, args...)}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	p.cmd.Stderr = os.Stderr
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewReader(out)
	return p, p.cmd.Start()
}

// patience is how long a child may take to say something.
const patience = 5 * time.Minute

func (p *player) line() (string, error) {
	slow := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer slow.Stop()
	text, err := p.lines.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the %s process has ended without a word: %w", p.role, err)
	}
	return strings.TrimSpace(text), nil
}

func (p *player) end() error {
	_ = p.input.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the %s process: %w", p.role, err)
	}
	return nil
}
