package deployment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// Every document of every file is read, and every mistake is told with its place.
func TestReadSpecs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	two := write("b.yaml", "# the first\nmodel: o/a\n---\n---\n# nothing here\n---\nmodel: o/b\nreplicas: 2\n")
	all, err := readSpecs(two, nil)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{two + ":2", two + ":7"}, []string{all[0].where, all[1].where})
	require.Equal(t, 2, all[1].spec.Replicas)

	one := write("a.json", `{"model": "o/c"}`)
	write("notes.txt", "model: o/never")
	all, err = readSpecs(dir, nil)
	require.NoError(t, err)
	require.Equal(t, []string{one, two + ":2", two + ":7"}, []string{all[0].where, all[1].where, all[2].where})

	all, err = readSpecs("-", strings.NewReader("model: o/d\n"))
	require.NoError(t, err)
	require.Equal(t, "-", all[0].where)

	wrong := write("wrong.yaml", "model: o/a\n---\n- model: o/b\n---\nmodel: o/c\n")
	_, err = newSetOf(t, wrong)
	require.ErrorContains(t, err, wrong+":3")
	for name, text := range map[string]string{"none.yaml": "", "null.yaml": "---\n---\n", "broken.yaml": "model: [", "alias.yaml": "a: &a [*a]"} {
		_, err := readSpecs(write(name, text), nil)
		require.Error(t, err, name)
		require.Equal(t, cli.ExitUsage, cli.CodeOf(err), name)
	}
	_, err = readSpecs(filepath.Join(dir, "nowhere"), nil)
	require.Equal(t, cli.ExitUsage, cli.CodeOf(err))
}

func newSetOf(t *testing.T, path string) (set, error) {
	t.Helper()
	all, err := readSpecs(path, nil)
	if err != nil {
		return set{}, err
	}
	return newSet("", path, all)
}

// A set is refused as a whole, with all its mistakes, before anybody is asked.
func TestNewSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "My Models.yaml")
	require.NoError(t, os.WriteFile(path, []byte("model: o/a\n---\nmodel: x/a\n---\nmodel: o/b\ngpu: 2\n---\nmodel: o/c\nprecision: bf61\n"), 0o600))
	s, err := newSetOf(t, path)
	require.Equal(t, "my-models", s.name)
	require.ErrorContains(t, err, `the name "a" is taken by `+path+":1")
	require.ErrorContains(t, err, path+":5")
	require.ErrorContains(t, err, `did you mean "gpus"?`)
	require.ErrorContains(t, err, path+":8")
	_, err = newSet("", "-", nil)
	require.ErrorContains(t, err, "--set NAME")
}

// Whatever a file holds, it is read or refused, and nothing of it is lost: as many
// specs come out as documents go in.
func FuzzReadDocuments(f *testing.F) {
	for _, text := range []string{"model: o/a", "model: o/a\n---\nmodel: o/b", "{}", "- 1", "a: &a [*a]", "\x00", "---\n...\n---", "? [a]\n: b", "1: 2", "<<: {model: a/b}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := readDocuments("x", strings.NewReader(text))
		if err == nil && len(all) == 0 {
			t.Error("neither specs nor an error")
		}
	})
}
