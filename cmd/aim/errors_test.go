package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
)

// Bad input of every kind: one clear sentence, what to type next, the right
// exit code, and nothing on stdout.
func TestBadInput(t *testing.T) {
	clitest.Alone(t)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	unknownField := file("field.yaml", "model: Qwen/Qwen3-32B\nreplica: 2\n")
	badRecipe := file("recipe.yaml", "recipe_id: x\nmodel_id: a/b\n")
	noYAML := file("no.yaml", "model: [")
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"unknown command", []string{"dploy"}, 2, []string{`did you mean "deploy"?`, "next: aim deploy --help"}},
		{"unknown subcommand", []string{"node", "lst"}, 2, []string{`did you mean "list"?`, "next: aim node list --help"}},
		{"hidden commands are no hint", []string{"shm"}, 2, []string{"not a command", "next: aim --help"}},
		{"unknown flag", []string{"deploy", "m", "--gpu", "1"}, 2, []string{"has no flag --gpu; did you mean --gpus?", "next: aim deploy --help"}},
		{"bad flag value", []string{"deploy", "m", "--gpus", "many"}, 2, []string{"--gpus", "next: aim deploy --help"}},
		{"no model", []string{"deploy"}, 2, []string{"MODEL is missing"}},
		{"two models", []string{"deploy", "a/b", "c/d"}, 2, []string{`"c/d" is one argument too many`, "behind --"}},
		{"no name", []string{"status"}, 2, []string{"NAME is missing: aim status NAME"}},
		{"too many names", []string{"status", "a", "b"}, 2, []string{`"b" is one argument too many`}},
		{"unknown model", []string{"deploy", "Qwen/Qwen3-32"}, 3, []string{"input error (no_recipe)", "did you mean Qwen/Qwen3-32B", "next: "}},
		{"no model id", []string{"deploy", "a b"}, 2, []string{"neither an owner/name id nor an absolute path"}},
		{"impossible GPUs", []string{"deploy", "Qwen/Qwen3-32B", "--gpus", "3"}, 3, []string{"input error (no_recipe)", "3"}},
		{"no GPU", []string{"deploy", "Qwen/Qwen3-32B", "--gpus", "0"}, 2, []string{"--gpus is 0; it must be 1 or more"}},
		{"unknown precision", []string{"deploy", "Qwen/Qwen3-32B", "--precision", "bf61"}, 2, []string{`did you mean "bf16"?`}},
		{"unknown backend", []string{"plan", "Qwen/Qwen3-32B", "--backend", "vlm"}, 2, []string{`did you mean "vllm"?`}},
		{"unknown recipe", []string{"deploy", "Qwen/Qwen3-32B", "--recipe", "nosuch"}, 3, []string{"nosuch", "recipe list"}},
		{"bad name", []string{"deploy", "Qwen/Qwen3-32B", "--name", "My Model"}, 2, []string{`try "my-model"`}},
		{"our own name", []string{"deploy", "Qwen/Qwen3-32B", "--name", "scheduler"}, 2, []string{"taken by AIM Engine itself"}},
		{"unknown server option", []string{"deploy", "Qwen/Qwen3-32B", "--", "--max-num-sequences", "8"}, 2, []string{"--max-num-sequences"}},
		{"bad pair", []string{"deploy", "Qwen/Qwen3-32B", "--env", "A"}, 2, []string{`--env "A" is not name=value`}},
		{"secret by value", []string{"deploy", "Qwen/Qwen3-32B", "--secret", "HF_TOKEN=hf_abc"}, 2, []string{"by reference"}},
		{"no spec file", []string{"deploy", "-f", filepath.Join(dir, "none.yaml")}, 2, []string{"no file"}},
		{"no YAML", []string{"deploy", "-f", noYAML}, 2, []string{noYAML}},
		{"unknown field", []string{"deploy", "-f", unknownField}, 2, []string{`did you mean "replicas"?`}},
		{"malformed recipe", []string{"recipe", "validate", badRecipe}, 2, []string{badRecipe, "precision"}},
		{"no recipe file", []string{"recipe", "validate", filepath.Join(dir, "none.yaml")}, 2, []string{"no file"}},
		{"recipe not known", []string{"recipe", "show", "qwen3-32b-1xmi300x-fp15"}, 3, []string{"did you mean", "next: "}},
		{"recipes of no model", []string{"recipe", "list", "Qwen/Qwen3-32"}, 3, []string{"did you mean Qwen/Qwen3-32B?", "next: aim recipe list"}},
		{"recipe folder", []string{"recipe", "list", "--recipes", filepath.Join(dir, "none")}, 2, []string{"not a readable folder"}},
		{"no Temporal", []string{"ps"}, 1, []string{"Temporal at 127.0.0.1:1 (from TEMPORAL_ADDRESS) does not answer", "next: aim doctor"}},
		{"no NATS", []string{"node", "list"}, 1, []string{"NATS at nats://127.0.0.1:1 (from NATS_URL) does not answer", "next: aim doctor"}},
		{"scale to none", []string{"scale", "x", "0"}, 2, []string{"it must be 1 or more", "next: aim stop x"}},
		{"scale to words", []string{"scale", "x", "two"}, 2, []string{`"two" is not a whole number`}},
		{"logs from behind", []string{"logs", "x", "--tail", "-1"}, 2, []string{"--tail is -1"}},
		{"empty reason", []string{"node", "cordon", "n1", "--why", ""}, 2, []string{"--why may not be empty"}},
		{"wrong sysfs tree", []string{"gpu", "list", "--sysfs-root", dir}, 2, []string{"neither sys/ nor"}},
		{"no sysfs tree", []string{"gpu", "list", "--sysfs-root", filepath.Join(dir, "none")}, 2, []string{"is not a folder"}},
		{"bad setting", []string{"ps", "-o", "jsn"}, 2, []string{`setting output: "jsn" (from --output)`, `did you mean "json"?`}},
		{"no configuration file", []string{"ps", "--config", filepath.Join(dir, "none.yaml")}, 2, []string{"none.yaml"}},
		{"simulate words", []string{"up", "--simulate", "two"}, 2, []string{"is not NxM"}},
		{"simulate too much", []string{"up", "--simulate", "2x9"}, 2, []string{"1 to 8 GPUs"}},
		{"hold without a tree", []string{"simulate", "hold"}, 2, []string{"--root is missing"}},
		{"hold in no tree", []string{"simulate", "hold", "--root", dir}, 1, []string{dir}},
		{"shim without a folder", []string{"shim"}, 2, []string{"FOLDER is missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := aimRun(t, append([]string{"--dir", t.TempDir()}, c.args...)...)
			require.Equal(t, c.code, code, stderr)
			for _, part := range append(c.want, "aim: ", "\nnext: ") {
				require.Contains(t, "\n"+stderr, part)
			}
			require.Empty(t, stdout)
		})
	}
}

// With -o json an error is one JSON object on stderr, and nothing else.
func TestErrorsForPrograms(t *testing.T) {
	clitest.Alone(t)
	for _, c := range []struct {
		args []string
		want cli.Report
	}{
		{[]string{"ps", "-o", "json"}, cli.Report{ExitCode: 1, Next: "aim doctor"}},
		{[]string{"-o", "json", "frobnicate"}, cli.Report{ExitCode: 2, Next: "aim --help"}},
		{[]string{"deploy", "Qwen/Qwen3-32B", "--precision", "bf61", "-o", "jsonl"},
			cli.Report{Class: aim.ClassInput, Family: aim.FamilyInput, ExitCode: 2, Next: "aim deploy --help"}},
	} {
		code, stdout, stderr := aimRun(t, c.args...)
		require.Equal(t, c.want.ExitCode, code)
		require.Empty(t, stdout)
		var got cli.Report
		require.NoError(t, json.Unmarshal([]byte(stderr), &got), stderr)
		require.NotEmpty(t, got.Error)
		got.Error = ""
		require.Equal(t, c.want, got)
	}
}
