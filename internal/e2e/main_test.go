package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/e2e/stack"
)

// shared is the stack that the scenarios work on, one after the other, each
// with deployments of its own. Starting one takes seconds.
var shared *stack.Stack

// bin is where the binaries are: `make test` builds them first.
func bin() string {
	if dir := os.Getenv("AIM_BIN"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "bin")
}

// testSecret is what the nodes have to give to deployments that name it.
const testSecret = "a-secret-of-the-scenarios"

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	os.Exit(withStack(m))
}

func withStack(m *testing.M) int {
	for _, name := range []string{"aim", "aim-devserver"} {
		if _, err := os.Stat(filepath.Join(bin(), name)); err != nil {
			fmt.Fprintf(os.Stderr, "the scenarios need the binaries: run `make build` first (%v)\n", err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "aim-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if shared, err = stack.Up(ctx, stack.Options{Bin: bin(), Dir: dir, Simulate: "2x8", Env: []string{
		"AIM_NODE_SECRETS=env:AIM_TEST_SECRET_*", "AIM_TEST_SECRET_TOKEN=" + testSecret, "AIM_TEST_OTHER=not allowed",
	}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, shared.Logs())
	}
	down, cancelDown := context.WithTimeout(context.Background(), time.Minute)
	defer cancelDown()
	if err := shared.Down(down); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	if code == 0 {
		_ = os.RemoveAll(dir)
	} else {
		fmt.Fprintf(os.Stderr, "the state is kept in %s\n", dir)
	}
	return code
}
