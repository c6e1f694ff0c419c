// Package clitest is what tests of commands share: goldens, and a home in which
// no setting of the machine is found.
package clitest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files anew; read the difference afterwards")

// Golden compares text with testdata/<name>.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run go test with -update")
	require.Equal(t, string(want), got)
}

// Alone gives the test a home of its own, no settings in the environment, and
// addresses at which nobody listens.
func Alone(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		for _, prefix := range []string{"AIM_", "TEMPORAL_", "NATS_", "DOCKER_", "HF_", "XDG_", "NO_COLOR", "CLICOLOR"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
	t.Setenv("NATS_URL", "nats://127.0.0.1:1")
	t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
	t.Setenv("HF_HUB_OFFLINE", "1")
}

// Run carries out a command line as the program would, with these commands
// alone.
func Run(t *testing.T, commands []func(*cli.App) *cobra.Command, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = cli.Run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &err}, func(root *cobra.Command, a *cli.App) {
		for _, c := range commands {
			root.AddCommand(c(a))
		}
	})
	return code, out.String(), err.String()
}

// Fleet is nodes n1, n2, ... that are alive and empty, with so many MI300X each.
func Fleet(gpus ...int) aim.Fleet {
	var f aim.Fleet
	vram, minor := uint64(192<<30), 128
	for i, count := range gpus {
		n := aim.FleetNode{Liveness: aim.Alive, Node: aim.Node{
			ID: fmt.Sprintf("n%d", i+1), CPUs: 96, HostBytes: 2 << 40, HostFree: 2 << 40, DiskFree: 10 << 40, Runtimes: []string{"process"},
		}}
		for g := range count {
			n.GPUs = append(n.GPUs, aim.GPU{
				ID: fmt.Sprintf("GPU-%d%d", i+1, g), UUID: fmt.Sprintf("GPU-%d%d", i+1, g), Type: "MI300X", Partitions: 1,
				VRAMBytes: &vram, RenderMinor: &minor, Health: aim.HealthOK,
			})
		}
		f.Nodes = append(f.Nodes, n)
	}
	return f
}
