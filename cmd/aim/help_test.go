package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
)

// allCommands lists every command of ours, hidden ones too.
func allCommands(parent *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{parent}
	for _, c := range parent.Commands() {
		if c.Name() != "completion" && c.Name() != "help" {
			all = append(all, allCommands(c)...)
		}
	}
	return all
}

// helpFile is where the golden of a command is.
func helpFile(path string) string { return "help/" + strings.ReplaceAll(path, " ", "_") + ".txt" }

// Every command has a help of the same form, and its golden.
func TestHelp(t *testing.T) {
	clitest.Alone(t)
	var files []string
	a := cli.New(cli.Streams{})
	root := cli.NewRoot(a)
	addCommands(root, a)
	for _, c := range allCommands(root) {
		path := c.CommandPath()
		files = append(files, filepath.Base(helpFile(path)))
		t.Run(path, func(t *testing.T) {
			require.NotEmpty(t, c.Short)
			require.False(t, strings.HasSuffix(c.Short, "."), "a synopsis is no sentence")
			require.Contains(t, c.Example, "aim ")
			code, stdout, stderr := aimRun(t, append(strings.Fields(path)[1:], "--help")...)
			require.Equal(t, cli.ExitDone, code)
			require.Empty(t, stderr)
			clitest.Golden(t, helpFile(path), stdout)
		})
	}
	kept, err := os.ReadDir("testdata/help")
	require.NoError(t, err)
	for _, f := range kept {
		require.True(t, slices.Contains(files, f.Name()), "%s is the help of no command", f.Name())
	}
}

// Without arguments the program and its groups say what they can do.
func TestHelpWithoutArguments(t *testing.T) {
	clitest.Alone(t)
	for _, path := range []string{"", "node", "recipe", "gpu", "control"} {
		_, want, _ := aimRun(t, append(strings.Fields(path), "--help")...)
		code, stdout, _ := aimRun(t, strings.Fields(path)...)
		require.Equal(t, cli.ExitDone, code)
		require.Equal(t, want, stdout)
	}
}

// A bad setting must not keep anybody from reading the help.
func TestHelpDespiteBadSettings(t *testing.T) {
	clitest.Alone(t)
	t.Setenv("AIM_OUTPUT", "jsn")
	for _, args := range [][]string{{}, {"--help"}, {"deploy", "--help"}, {"node"}, {"completion", "bash"}} {
		code, stdout, stderr := aimRun(t, args...)
		require.Equal(t, cli.ExitDone, code, stderr)
		require.NotEmpty(t, stdout)
	}
}
