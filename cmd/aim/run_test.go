package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// aimRun carries out a command line as the program would.
func aimRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}
