package up

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/simulator"
)

// maxSimulated is how many simulated nodes one machine is asked to carry: each
// is a process of its own.
const maxSimulated = 64

// simulatedNode is one node whose GPUs are not real. All of it is in one folder.
type simulatedNode struct {
	id     string
	dir    string
	tree   *simulator.Tree
	port   int           // first of its endpoint ports
	allows settings.Node // what the settings of `aim up` let its deployments do
}

func (n simulatedNode) root() string       { return filepath.Join(n.dir, "tree") }
func (n simulatedNode) configFile() string { return filepath.Join(n.dir, "aim.yaml") }

func simulatedDir(dir string) string { return filepath.Join(dir, "simulated") }

// chooseNodes decides between this machine's node and simulated ones.
func (s *stack) chooseNodes(remembered config.Stack, asked string) error {
	switch asked {
	case "":
	case "none":
		s.state.Simulate = ""
	default:
		s.state.Simulate = asked
	}
	if s.state.Simulate == "" {
		s.state.Nodes = []config.StackNode{{ID: s.app.Settings.Node.ID}}
		return nil
	}
	nodes, gpus, err := parseSimulate(s.state.Simulate)
	if err != nil {
		return err
	}
	s.state.PortFirst = remembered.PortFirst
	if s.state.PortFirst == 0 {
		s.state.PortFirst = portsOf(s.app.Settings.Dir)
	}
	for i := range nodes {
		n := simulatedNode{id: fmt.Sprintf("n%d", i+1), port: s.state.PortFirst + i*portsPerNode, allows: s.app.Settings.Node}
		n.dir = filepath.Join(simulatedDir(s.app.Settings.Dir), n.id)
		if n.tree, err = simulator.CreateTree(n.root(), n.id, gpus); err != nil {
			return cli.Next(cli.Failed("%w", err), "aim up --simulate %s --dir OTHER", s.state.Simulate)
		}
		s.nodes = append(s.nodes, n)
		s.state.Nodes = append(s.state.Nodes, config.StackNode{ID: n.id, Simulated: true})
	}
	return nil
}

var simulatePattern = aim.Pattern(`^([0-9]+)(?:x([0-9]+))?$`)

// parseSimulate reads NxM; N alone means 8 GPUs each, as the real machine has.
func parseSimulate(text string) (nodes, gpus int, err error) {
	m := simulatePattern().FindStringSubmatch(text)
	if m == nil {
		return 0, 0, cli.Usage("--simulate %q is not NxM, such as 2x8 for two nodes of eight GPUs", text)
	}
	nodes, _ = strconv.Atoi(m[1]) // digits; too many of them fail below
	gpus = 8
	if m[2] != "" {
		gpus, _ = strconv.Atoi(m[2])
	}
	if nodes < 1 || nodes > maxSimulated || gpus < 1 || gpus > 8 {
		return 0, 0, cli.Usage("--simulate %s: it takes 1 to %d nodes of 1 to 8 GPUs", text, maxSimulated)
	}
	return nodes, gpus, nil
}

// Endpoint ports of simulated nodes, which all listen on one address. The
// ranges lie below those that Linux gives to outgoing connections (32768 and
// up), and start elsewhere in every state folder, so that two stacks on one
// machine rarely meet. Where they do, a node takes its next port.
const (
	portsPerNode = 50
	lowestPort   = 20000
	portRanges   = (32000 - lowestPort - maxSimulated*portsPerNode) / portsPerNode
)

// portsOf picks a range by the name of the state folder.
func portsOf(dir string) int { return lowestPort + int(hashOf(dir)%portRanges)*portsPerNode }

func hashOf(dir string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(dir)) // never fails
	return h.Sum32()
}

// commands start a stand-in for each backend.
func (n simulatedNode) commands(self string) map[string][]string {
	all := map[string][]string{}
	for _, backend := range aim.Backends() {
		all[backend] = []string{self, "simulate", backend, "--root", n.root(), "--"}
	}
	return all
}

// writeConfig writes the node's settings where its agent reads them.
func (n simulatedNode) writeConfig(self, hub string) error {
	text, err := yaml.Marshal(map[string]any{"node": map[string]any{
		"id":            n.id,
		"dir":           filepath.Join(n.dir, "node"),
		"sysfs":         n.root(),
		"dev":           filepath.Join(n.root(), "dev"),
		"runtime":       "process",
		"commands":      n.commands(self),
		"ports":         settings.Ports{First: n.port, Last: n.port + portsPerNode - 1}.String(),
		"cache":         filepath.Join(n.dir, "cache"),
		"hub_endpoint":  hub,
		"simulate_root": n.root(),
		"shares":        n.allows.Shares,
		"registries":    n.allows.Registries,
		"secrets":       n.allows.Secrets,
		"weight_roots":  n.allows.WeightRoots,
	}})
	if err == nil {
		err = os.WriteFile(n.configFile(), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the settings of simulated node %s: %w", n.id, err)
	}
	return nil
}

// reap plays the kernel's part for the simulated nodes: it frees what dead
// processes held. It does so here because agents may be killed.
func (s *stack) reap() {
	ctx, cancel := context.WithCancel(context.Background())
	s.reapEnd = cancel
	for _, n := range s.nodes {
		s.reapers.Go(func() {
			if err := n.tree.Reap(ctx); err != nil {
				s.app.Hint("simulated node %s: memory of dead processes is not freed any more: %v", n.id, err)
			}
		})
	}
}

// endReaping returns when nobody reaps any more.
func (s *stack) endReaping() {
	if s.reapEnd != nil {
		s.reapEnd()
		s.reapers.Wait()
	}
}

// nodeName is how the process of a node is called in logs.
func nodeName(id string) string { return "node-" + aim.NameOf(id) }

// keepOldLog renames the log of an earlier run, so that each run has its own.
func keepOldLog(path string) error {
	err := os.Rename(path, path+".1")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
