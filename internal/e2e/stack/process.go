package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"

	"github.com/aim-engine/aim"
)

// Process is one process of the stack, as the kernel shows it.
type Process struct {
	PID  int
	Args []string
}

// processes lists the running processes whose arguments hold all the words.
func processes(words ...string) ([]Process, error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, p := range procs {
		args, err := p.CmdLine()
		if err != nil || len(args) == 0 {
			continue // gone, or already dead and not yet reaped
		}
		line := " " + strings.Join(args, " ") + " "
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			all = append(all, Process{PID: p.PID, Args: args})
		}
	}
	return all, nil
}

// Names of the stack's own processes for Kill.
const (
	Control   = "control"
	Devserver = "devserver"
)

// NodeProcess names the agent of a node.
func NodeProcess(id string) string { return "node " + id }

// Find returns the one process of this name.
func (s *Stack) Find(name string) (Process, error) {
	words := []string{" control run ", s.Dir}
	if name == Devserver {
		words = []string{"aim-devserver ", s.Dir}
	}
	if node, ok := strings.CutPrefix(name, "node "); ok {
		words = []string{" node run ", s.nodeDir(node) + "/"}
	}
	found, err := processes(words...)
	if err != nil {
		return Process{}, err
	}
	if len(found) != 1 {
		return Process{}, fmt.Errorf("%d processes of %s, want one", len(found), name)
	}
	return found[0], nil
}

// Kill ends a process with SIGKILL and returns when it is gone. The stack
// starts it again by itself.
func (s *Stack) Kill(ctx context.Context, name string) error {
	var victim Process
	err := Eventually(ctx, func() (bool, error) {
		var err error
		victim, err = s.Find(name)
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := syscall.Kill(victim.PID, syscall.SIGKILL); err != nil {
		return err
	}
	return Eventually(ctx, func() (bool, error) {
		now, err := s.Find(name)
		return err != nil || now.PID != victim.PID, nil
	})
}

func (s *Stack) nodeDir(id string) string { return filepath.Join(s.Dir, "simulated", id) }

// Servers lists the model servers that really run, on all nodes.
func (s *Stack) Servers() ([]Process, error) {
	return processes(" simulate vllm ", "--root "+filepath.Join(s.Dir, "simulated")+"/")
}

// Claims reads the ledgers of all nodes from their disks.
func (s *Stack) Claims() ([]aim.Claim, error) {
	var all []aim.Claim
	for _, n := range s.Nodes {
		data, err := os.ReadFile(filepath.Join(s.nodeDir(n.ID), "node", "ledger", "claims.json"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var file struct {
			Body struct {
				Claims []aim.Claim `json:"claims"`
			} `json:"body"`
		}
		if err := json.Unmarshal(data, &file); err != nil {
			return nil, fmt.Errorf("ledger of %s: %w", n.ID, err)
		}
		all = append(all, file.Body.Claims...)
	}
	return all, nil
}

// UsedGPUs counts the GPUs, over all nodes, whose memory is in use beyond what
// an idle one shows. It reads the trees, as a driver would show them.
func (s *Stack) UsedGPUs() (int, error) {
	const idle = 1 << 30 // bytes; an idle MI300X shows 284 MiB
	files, err := filepath.Glob(filepath.Join(s.Dir, "simulated", "*", "tree", "sys", "class", "drm", "renderD*", "device", "mem_info_vram_used"))
	if err != nil {
		return 0, err
	}
	used := 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return 0, err
		}
		bytes, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
		if err != nil {
			return 0, err
		}
		if bytes > idle {
			used++
		}
	}
	return used, nil
}
