package deployment

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aim-engine/aim"
)

// parseSpec reads a command line as deploy does, and returns what it means.
func parseSpec(t *testing.T, args ...string) (aim.DeploymentSpec, error) {
	t.Helper()
	var f SpecFlags
	var spec aim.DeploymentSpec
	var readErr error
	cmd := &cobra.Command{Use: "deploy MODEL", RunE: func(cmd *cobra.Command, args []string) error {
		spec, readErr = f.Read(cmd, args)
		return nil
	}}
	f.Add(cmd)
	cmd.SetArgs(args)
	require.NoError(t, cmd.Execute())
	return spec, readErr
}

// Every field of a spec has its flag.
func TestFlagsFillTheSpec(t *testing.T) {
	got, err := parseSpec(t, "Qwen/Qwen3-32B",
		"--name", "q", "--replicas", "3", "--gpus", "2", "--nodes", "1", "--gpu-type", "mi300x", "--precision", "fp8",
		"--backend", "vllm", "--recipe", "r", "--metric", "latency", "--image", "rocm/vllm:v1", "--revision", "main",
		"--served-name", "s", "--max-model-len", "4096", "--env", "A=1", "--env", "B=x=y", "--secret", "HF_TOKEN=env:HF_TOKEN",
		"--selector", "rack=r1", "--priority", "-5", "--min-available", "1", "--max-unavailable", "2", "--give-up-after", "10m",
		"--", "--max-num-seqs", "8")
	require.NoError(t, err)
	require.Equal(t, aim.DeploymentSpec{
		Model: "Qwen/Qwen3-32B", Name: "q", Replicas: 3, GPUs: 2, Nodes: 1, GPUType: "MI300X", Precision: "fp8", Backend: "vllm",
		Recipe: "r", Metric: "latency", Image: "rocm/vllm:v1", Revision: "main", ServedName: "s", MaxModelLen: 4096,
		Args: []string{"--max-num-seqs", "8"}, Env: map[string]string{"A": "1", "B": "x=y"},
		Secrets: map[string]string{"HF_TOKEN": "env:HF_TOKEN"}, Selector: map[string]string{"rack": "r1"},
		Priority: -5, MinAvailable: 1, MaxUnavailable: 2, Timeout: aim.Duration(10 * time.Minute),
	}, got)
}

// What nobody has said stays "choose for me".
func TestModelAlone(t *testing.T) {
	got, err := parseSpec(t, "Qwen/Qwen3-32B")
	require.NoError(t, err)
	require.Equal(t, aim.DeploymentSpec{Model: "Qwen/Qwen3-32B"}, got)
}

func TestFileThenFlags(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spec.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
model: Qwen/Qwen3-32B
replicas: 2
args: [--max-num-seqs, "8"]
env: {A: "1", B: "2"}
timeout: 5m
`), 0o600))
	got, err := parseSpec(t, "-f", path)
	require.NoError(t, err)
	require.Equal(t, aim.DeploymentSpec{
		Model: "Qwen/Qwen3-32B", Replicas: 2, Args: []string{"--max-num-seqs", "8"},
		Env: map[string]string{"A": "1", "B": "2"}, Timeout: aim.Duration(5 * time.Minute),
	}, got)

	got, err = parseSpec(t, "meta-llama/Llama-3.1-8B", "-f", path, "--replicas", "4", "--env", "B=3", "--", "--max-num-seqs", "16")
	require.NoError(t, err)
	require.Equal(t, "meta-llama/Llama-3.1-8B", got.Model)
	require.Equal(t, 4, got.Replicas)
	require.Equal(t, map[string]string{"A": "1", "B": "3"}, got.Env)
	require.Equal(t, []string{"--max-num-seqs", "16"}, got.Args)
}

func TestJSONFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spec.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"model":"Qwen/Qwen3-32B","gpus":1}`), 0o600))
	got, err := parseSpec(t, "-f", path)
	require.NoError(t, err)
	require.Equal(t, aim.DeploymentSpec{Model: "Qwen/Qwen3-32B", GPUs: 1}, got)
}

// TestCommandAsksForTheSpec: what a hint tells to paste means the same spec, after a
// shell has read it.
func TestCommandAsksForTheSpec(t *testing.T) {
	word := rapid.StringMatching(`[A-Za-z0-9 ='"$\\;*-]{1,12}`)
	name := rapid.StringMatching(`[A-Z][A-Z0-9_]{0,5}`)
	rapid.Check(t, func(t1 *rapid.T) {
		want := aim.DeploymentSpec{
			Model: "Qwen/Qwen3-32B", Name: rapid.SampledFrom([]string{"", "q"}).Draw(t1, "name"),
			Replicas: rapid.IntRange(0, 3).Draw(t1, "replicas"), GPUs: rapid.IntRange(0, 8).Draw(t1, "gpus"), Nodes: rapid.IntRange(0, 2).Draw(t1, "nodes"),
			GPUMemory: aim.Bytes(rapid.SampledFrom([]uint64{0, 40 << 30, 8<<30 + 1}).Draw(t1, "share")),
			GPUType:   rapid.SampledFrom([]string{"", "MI300X"}).Draw(t1, "type"), Precision: rapid.SampledFrom([]string{"", "fp8"}).Draw(t1, "precision"),
			Image: rapid.SampledFrom([]string{"", "rocm/vllm:v1"}).Draw(t1, "image"), MaxModelLen: rapid.IntRange(0, 9).Draw(t1, "length"),
			Priority: rapid.IntRange(-2, 2).Draw(t1, "priority"), MaxUnavailable: rapid.IntRange(0, 1).Draw(t1, "unavailable"),
			Timeout: aim.Duration(rapid.Int64Range(0, 1e12).Draw(t1, "timeout")),
			Args:    rapid.SliceOfN(word, 0, 3).Draw(t1, "args"), Env: rapid.MapOfN(name, word, 0, 2).Draw(t1, "env"),
			Selector: rapid.MapOfN(name, word, 0, 2).Draw(t1, "selector"),
			Adapters: rapid.SampledFrom([][]aim.Adapter{nil, {{Name: "a", Model: "o/m"}, {Name: "b", Model: "o/m", Revision: "r"}}}).Draw(t1, "adapters"),
		}
		if want.GPUMemory != 0 {
			want.GPUs, want.Nodes = 0, 0
		}
		want.Env, want.Selector = orNil(want.Env), orNil(want.Selector)
		if len(want.Args) == 0 {
			want.Args = nil
		}
		read, err := exec.Command("sh", "-c", "printf '%s\\0' "+strings.TrimPrefix(want.Command(), "aim deploy ")).Output()
		require.NoError(t, err)
		got, err := parseSpec(t, strings.Split(strings.TrimSuffix(string(read), "\x00"), "\x00")...)
		require.NoError(t, err)
		require.Equal(t, want.Defaulted(), got.Defaulted())
	})
}

func orNil(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
