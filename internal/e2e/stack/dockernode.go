package stack

import (
	"context"
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

// DockerNode is a node of the stack that starts its servers with Docker, on
// simulated GPUs.
type DockerNode struct {
	ID   string
	Root string // of its tree
	cmd  *exec.Cmd
	log  *os.File
	end  context.CancelFunc // of the driver's part: memory of dead servers is freed
}

// StartDockerNode joins a node with so many simulated GPUs that starts
// containers. Images must be on the machine already.
func (s *Stack) StartDockerNode(ctx context.Context, id string, gpus int) (*DockerNode, error) {
	n := &DockerNode{ID: id, Root: filepath.Join(s.nodeDir(id), "tree")}
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
	n.cmd = exec.Command(filepath.Join(s.opts.Bin, "aim"), "node", "run", "--metrics", ready)
	n.cmd.Env = append(config.Environ(os.Environ()),
		"AIM_DIR="+s.Dir, "AIM_NODE_ID="+id, "AIM_NODE_DIR="+filepath.Join(s.nodeDir(id), "node"),
		"AIM_NODE_SYSFS="+n.Root, "AIM_NODE_DEV="+filepath.Join(n.Root, "dev"), "AIM_NODE_RUNTIME=docker",
		"AIM_NODE_PORTS=19500-19599", "AIM_NODE_SIMULATE_ROOT="+n.Root, "AIM_NODE_GRACE=2s",
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

// Kill ends the agent as a crash would. Its containers go on.
func (n *DockerNode) Kill() error {
	n.end()
	defer n.log.Close()
	if err := n.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = n.cmd.Wait() // killed, as asked
	return nil
}

// Stop ends the agent in order.
func (n *DockerNode) Stop() error {
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
