package display

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew; read the difference afterwards")

// golden compares text with testdata/<name>.txt.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run go test ./internal/display -update")
	require.Equal(t, string(want), got)
}

// pipe is an output that is no terminal, as scripts have it.
func pipe() (*Output, *bytes.Buffer) {
	var b bytes.Buffer
	return New(&b, Never), &b
}

// screen is an output that believes to be a terminal of unknown size.
func screen() (*Output, *bytes.Buffer) {
	o, b := pipe()
	o.terminal = true
	return o, b
}
