package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/cmd/aim/internal/machine"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/simulator"
	"github.com/aim-engine/aim/recipes"
)

// tree is a machine with three MI300X.
func tree(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	_, err := simulator.CreateTree(root, "n1", 3)
	require.NoError(t, err)
	return root
}

// gpu list -o json is {gpus, not_offered}, whichever folder is named.
func TestGPUList(t *testing.T) {
	clitest.Alone(t)
	root := tree(t)
	for _, folder := range []string{root, filepath.Join(root, "sys")} {
		code, stdout, stderr := aimRun(t, "gpu", "list", "--sysfs-root", folder, "-o", "json")
		require.Equal(t, cli.ExitDone, code, stderr)
		var found aim.Detection
		require.NoError(t, json.Unmarshal([]byte(stdout), &found))
		require.Len(t, found.GPUs, 3)
		require.Equal(t, "MI300X", found.GPUs[0].Type)
		require.Contains(t, stdout, `"not_offered": [`)
	}
	code, stdout, _ := aimRun(t, "gpu", "list", "--sysfs-root", root)
	require.Equal(t, cli.ExitDone, code)
	require.Equal(t, 3, strings.Count(stdout, "gfx942"))
}

// No GPU is an answer, with its reason, and not an error.
func TestGPUListWithoutGPU(t *testing.T) {
	clitest.Alone(t)
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "sys", "class"), 0o755))
	code, stdout, stderr := aimRun(t, "gpu", "list", "--sysfs-root", root)
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Contains(t, stdout, "no GPU: ")
	code, stdout, _ = aimRun(t, "gpu", "list", "--sysfs-root", root, "-o", "json")
	require.Equal(t, cli.ExitDone, code)
	var found map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &found))
	require.Equal(t, []any{}, found["gpus"])
	require.Equal(t, []any{}, found["not_offered"])
	require.NotEmpty(t, found["reason"])
}

// A dump, unpacked, is a tree that gives the same answer.
func TestGPUDump(t *testing.T) {
	clitest.Alone(t)
	root, file := tree(t), filepath.Join(t.TempDir(), "gpus.tar.gz")
	code, stdout, stderr := aimRun(t, "gpu", "dump", "--sysfs-root", root, "--serials", "-f", file)
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Empty(t, stdout)
	copied := t.TempDir()
	unpack(t, file, copied)
	_, want, _ := aimRun(t, "gpu", "list", "--sysfs-root", root)
	_, got, _ := aimRun(t, "gpu", "list", "--sysfs-root", copied)
	require.Equal(t, want, got)

	_, packed, _ := aimRun(t, "gpu", "dump", "--sysfs-root", root, "--serials")
	_, err := gzip.NewReader(strings.NewReader(packed))
	require.NoError(t, err, "without --file it goes to stdout")
}

func unpack(t *testing.T, file, to string) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	zip, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	for entries := tar.NewReader(zip); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		path := filepath.Join(to, h.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch h.Typeflag {
		case tar.TypeDir:
			require.NoError(t, os.MkdirAll(path, 0o755))
		case tar.TypeSymlink:
			require.NoError(t, os.Symlink(h.Linkname, path))
		default:
			content, err := io.ReadAll(entries)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, content, 0o600))
		}
	}
}

func TestRecipeCommands(t *testing.T) {
	clitest.Alone(t)
	catalogue, err := recipes.Load()
	require.NoError(t, err)
	code, stdout, _ := aimRun(t, "recipe", "list", "-o", "jsonl")
	require.Equal(t, cli.ExitDone, code)
	require.Equal(t, len(catalogue.Recipes()), strings.Count(stdout, "\n"))

	code, stdout, _ = aimRun(t, "recipe", "list", "Qwen/Qwen3-32B")
	require.Equal(t, cli.ExitDone, code)
	own := catalogue.RecipesOf("Qwen/Qwen3-32B")
	require.Equal(t, len(own)+1, strings.Count(stdout, "\n"), "a header and the model's recipes")

	code, stdout, _ = aimRun(t, "recipe", "show", own[0])
	require.Equal(t, cli.ExitDone, code)
	require.Contains(t, stdout, "Qwen/Qwen3-32B")
	require.Contains(t, stdout, "evidence")
	code, stdout, _ = aimRun(t, "recipe", "show", own[0], "-o", "json")
	require.Equal(t, cli.ExitDone, code)
	require.Contains(t, stdout, `"recipe_id": "`+own[0]+`"`)
}

const seedRecipe = `recipe_id: mine
model_id: Qwen/Qwen3-32B
hardware: {gpu_type: MI300X, gpu_count: 1, memory_requirement: 80GB}
precision: fp16
backend: vllm
config: {max_model_len: 4096}
`

// A user's recipe is checked by itself, and found by the commands that choose.
func TestOwnRecipes(t *testing.T) {
	clitest.Alone(t)
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "mine.yaml"), filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(good, []byte(seedRecipe), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte(strings.ReplaceAll(seedRecipe, "fp16", "fp61")), 0o600))

	code, stdout, stderr := aimRun(t, "recipe", "validate", good)
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Equal(t, "ok "+good+": mine\n", stdout)

	code, stdout, _ = aimRun(t, "recipe", "validate", good, bad, "-o", "jsonl")
	require.Equal(t, cli.ExitUsage, code)
	require.Equal(t, 2, strings.Count(stdout, "\n"))
	require.Contains(t, stdout, `"valid":true`)
	require.Contains(t, stdout, `"valid":false`)

	code, stdout, stderr = aimRun(t, "plan", "Qwen/Qwen3-32B", "--recipe", "mine", "--recipes", dir)
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Contains(t, stdout, "mine (rung 1")
}

// env prints what the shell can read, and where the addresses are from.
func TestEnv(t *testing.T) {
	clitest.Alone(t)
	t.Setenv("TEMPORAL_ADDRESS", "")
	t.Setenv("NATS_URL", "")
	dir := t.TempDir()
	code, stdout, stderr := aimRun(t, "env", "--dir", dir)
	require.Equal(t, cli.ExitDone, code)
	require.Contains(t, stdout, "export TEMPORAL_ADDRESS=127.0.0.1:7233\n")
	require.Contains(t, stderr, "next: aim up")

	stack := config.Stack{TemporalAddress: "127.0.0.1:17233", Namespace: "it's", NATSURL: "nats://127.0.0.1:14222", UIAddress: "http://127.0.0.1:18233"}
	require.NoError(t, stack.Write(dir))
	code, stdout, stderr = aimRun(t, "env", "--dir", dir)
	require.Equal(t, cli.ExitDone, code)
	require.Equal(t, `export TEMPORAL_ADDRESS=127.0.0.1:17233
export TEMPORAL_NAMESPACE='it'\''s'
export NATS_URL=nats://127.0.0.1:14222
# Temporal UI: http://127.0.0.1:18233
`, stdout)
	require.Empty(t, stderr)

	code, stdout, _ = aimRun(t, "env", "--dir", dir, "-o", "json")
	require.Equal(t, cli.ExitDone, code)
	require.JSONEq(t, `{"TEMPORAL_ADDRESS":"127.0.0.1:17233","TEMPORAL_NAMESPACE":"it's","NATS_URL":"nats://127.0.0.1:14222","ui_address":"http://127.0.0.1:18233"}`, stdout)
}

func TestVersion(t *testing.T) {
	clitest.Alone(t)
	code, stdout, _ := aimRun(t, "version")
	require.Equal(t, cli.ExitDone, code)
	require.Regexp(t, `^aim \S+ \(.*go1\.\d+.*\)\n$`, stdout)
}

// Where nothing runs the doctor says so, line by line, with what to do.
func TestDoctorWithoutAnything(t *testing.T) {
	clitest.Alone(t)
	code, stdout, _ := aimRun(t, "doctor", "--dir", t.TempDir(), "-o", "jsonl")
	require.Equal(t, cli.ExitFailed, code)
	states := map[string]machine.Finding{}
	for line := range strings.Lines(stdout) {
		var f machine.Finding
		require.NoError(t, json.Unmarshal([]byte(line), &f))
		states[f.Check] = f
		if f.State == machine.StateBad {
			require.NotEmpty(t, f.Next, f.Check)
		}
	}
	require.Equal(t, machine.StateBad, states["Temporal"].State)
	require.Equal(t, machine.StateBad, states["NATS"].State)
	require.Equal(t, machine.StateNote, states["control"].State, "what cannot be looked at is not called bad")
	require.Equal(t, machine.StateNote, states["nodes"].State)
	require.Equal(t, machine.StateNote, states["Docker"].State)
	require.Equal(t, machine.StateOK, states["state"].State)

	code, stdout, _ = aimRun(t, "doctor", "--dir", t.TempDir())
	require.Equal(t, cli.ExitFailed, code)
	require.Contains(t, stdout, "bad   Temporal")
}
