package node

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/aim-engine/aim/internal/runtime/process"
	"github.com/aim-engine/aim/internal/simulator"
)

// The test binary is also the programs of a node: the shim that leads a server,
// the stand-in for vLLM, and a stranger who holds VRAM.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "shim":
			os.Exit(process.Shim(context.Background(), os.Args[2]))
		case "serve":
			os.Exit(simulator.Serve(context.Background(), "vllm", os.Args[2:], os.Getenv, os.Stdout, os.Stderr))
		case "stranger":
			os.Exit(stranger(os.Args[2], os.Args[3]))
		}
	}
	// Under nohup, hang-ups are ignored, and children would inherit that; a signal
	// that is caught here has its default effect in them.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// stranger holds 5 GiB of the tree's first GPU until it is ended.
func stranger(root, name string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := simulator.HoldForeign(ctx, root, 0, 5<<30, name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
