package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/simulator"
)

// Agent is a node of the stack, on simulated GPUs, that nobody starts again when it
// is killed.
type Agent struct {
	ID   string
	Root string // of its tree
	cmd  *exec.Cmd
	log  *os.File
	end  context.CancelFunc // of the driver's part: memory of dead servers is freed
}

// StartAgent joins a node with so many simulated GPUs, whose runtime is "docker" or
// "process", and whose servers listen in a range of ports "first-last". Images must
// be on the machine already.
func (s *Stack) StartAgent(ctx context.Context, id string, gpus int, runtime, ports string) (*Agent, error) {
	n := &Agent{ID: id, Root: filepath.Join(s.nodeDir(id), "tree")}
	tree, err := simulator.CreateTree(n.Root, id, gpus)
	if err != nil {
		return nil, err
	}
	reap, end := context.WithCancel(context.WithoutCancel(ctx))
	n.end = end
	go func() { _ = tree.Reap(reap) }() // ends with the node
	ready, err := freeAddress()
	if err != nil {
		return nil, err
	}
	// Every model is served from the stand-in, which needs no weights: the hub
	// stand-in of the stack is asked all the same.
	commands, err := s.standIns(n.Root)
	if err != nil {
		return nil, err
	}
	n.cmd = exec.Command(filepath.Join(s.opts.Bin, "aim"), "node", "run", "--metrics", ready, "--config", commands)
	n.cmd.Env = append(config.Environ(os.Environ()),
		"AIM_DIR="+s.Dir, "AIM_NODE_ID="+id, "AIM_NODE_DIR="+filepath.Join(s.nodeDir(id), "node"),
		"AIM_NODE_SYSFS="+n.Root, "AIM_NODE_DEV="+filepath.Join(n.Root, "dev"), "AIM_NODE_RUNTIME="+runtime,
		"AIM_NODE_PORTS="+ports, "AIM_NODE_SIMULATE_ROOT="+n.Root, "AIM_NODE_GRACE=2s",
		"AIM_NODE_CACHE="+filepath.Join(s.nodeDir(id), "cache"), "AIM_NODE_HUB_ENDPOINT="+s.hub())
	if n.log, err = os.Create(filepath.Join(s.Dir, "log", "node-"+id+".log")); err != nil {
		return nil, err
	}
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // an agent left over would join the next stack on these ports
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	err = Eventually(ctx, func() (bool, error) {
		resp, err := http.Get("http://" + ready + "/readyz")
		if err != nil {
			return false, nil
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		_ = n.Kill()
		return nil, fmt.Errorf("node %s did not get ready: %w%s", id, err, s.Logs())
	}
	if me := (config.StackNode{ID: id, Simulated: true}); !slices.Contains(s.Nodes, me) { // not its first agent
		s.Nodes = append(s.Nodes, me)
	}
	return n, s.awaitAlive(ctx, id)
}

// standIns is a file of settings by which the process runtime starts stand-ins.
func (s *Stack) standIns(root string) (file string, err error) {
	self, err := filepath.Abs(filepath.Join(s.opts.Bin, "aim"))
	if err != nil {
		return "", err
	}
	commands := map[string][]string{}
	for _, backend := range aim.Backends() {
		commands[backend] = []string{self, "simulate", backend, "--root", root, "--"}
	}
	text, err := json.Marshal(map[string]any{"node": map[string]any{"commands": commands}}) // YAML as well
	if err != nil {
		return "", err
	}
	file = filepath.Join(root, "settings.yaml")
	return file, os.WriteFile(file, text, 0o600)
}

func (s *Stack) awaitAlive(ctx context.Context, id string) error {
	return Eventually(ctx, func() (bool, error) {
		fleet, err := s.Fleet(ctx)
		if err != nil {
			return false, nil
		}
		n, ok := fleet.Find(id)
		return ok && n.Liveness == aim.Alive && len(n.GPUs) > 0, nil
	})
}

// PID is that of the agent.
func (n *Agent) PID() int { return n.cmd.Process.Pid }

// Kill ends the agent as a crash would. Its containers go on.
func (n *Agent) Kill() error {
	n.end()
	defer n.log.Close()
	if err := n.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = n.cmd.Wait() // killed, as asked
	return nil
}

// Stop ends the agent in order.
func (n *Agent) Stop() error {
	defer n.end()
	defer n.log.Close()
	if err := n.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- n.cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		return fmt.Errorf("node %s did not stop", n.ID)
	}
}

// hub is the address of the stack's stand-in hub, as its nodes know it.
func (s *Stack) hub() string {
	found, err := processes(" simulate hub ", filepath.Join(s.opts.Bin, "aim"))
	if err != nil {
		return ""
	}
	for _, p := range found {
		for i, arg := range p.Args {
			if arg == "--addr" && i+1 < len(p.Args) {
				return "http://" + p.Args[i+1]
			}
		}
	}
	return ""
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
