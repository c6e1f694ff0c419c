package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// suggested finds commands in texts of the program: behind "next: ", in backquotes, or
// the text as a whole.
var suggested = regexp.MustCompile("(?:^|next: |`)(aim [a-z][^`\n;]*)")

// sentences begin with the program's name and are no commands.
var sentences = regexp.MustCompile(`^aim (puts |simulated|[a-z]+: )`)

// Whatever the program tells people to type is a command that it has, with flags that
// the command has.
func TestSuggestedCommandsExist(t *testing.T) {
	a := cli.New(cli.Streams{})
	root := cli.NewRoot(a)
	addCommands(root, a)
	found := 0
	for text, where := range textsOf(t, "../..", "activities", "cmd", "gateway", "internal", "recipes", "scheduler", "worker", "workflows") {
		for _, m := range suggested.FindAllStringSubmatch(text, -1) {
			if sentences.MatchString(m[1]) {
				continue
			}
			found++
			words := strings.Fields(strings.TrimRight(m[1], ".,):"))[1:]
			command, rest, err := root.Find(words)
			if err != nil || command == root && strings.Trim(words[0], "%sqdv") != "" {
				t.Errorf("%s: %q is no command", where, m[1])
				continue
			}
			if command.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && !strings.HasPrefix(rest[0], "%") {
				t.Errorf("%s: %q: %s has no %q", where, m[1], command.CommandPath(), rest[0])
			}
			for _, w := range words {
				if w == "--" {
					break
				}
				if name, ok := strings.CutPrefix(w, "--"); ok && !hasFlag(command, name) {
					t.Errorf("%s: %q: %s has no flag --%s", where, m[1], command.CommandPath(), name)
				}
			}
		}
	}
	require.Greater(t, found, 50, "the texts were not read")
}

func hasFlag(c *cobra.Command, word string) bool {
	name, _, _ := strings.Cut(word, "=")
	if name == "help" || strings.Contains(name, "%") || name == "" {
		return true
	}
	var f *pflag.Flag
	if f = c.Flags().Lookup(name); f == nil {
		f = c.InheritedFlags().Lookup(name)
	}
	return f != nil
}

// textsOf are the string literals of the program's own files, with where they stand.
func textsOf(t *testing.T, root string, folders ...string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	files := token.NewFileSet()
	for _, folder := range folders {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil {
						texts[s] = files.Position(l.Pos()).String()
					}
				}
				return true
			})
			return nil
		}))
	}
	return texts
}
