package simulator_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim/internal/simulator"
)

// roleKey makes the test binary play another program, so that tests can kill it.
const roleKey = "AIM_SIMULATOR_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleKey) {
	case "vllm":
		os.Exit(simulator.Serve(context.Background(), "vllm", os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
	case "stranger":
		os.Exit(stranger())
	}
	os.Exit(m.Run())
}

// stranger holds VRAM of one GPU until it is ended: ROOT GPU BYTES NAME.
func stranger() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	gpu, err1 := strconv.Atoi(os.Args[2])
	bytes, err2 := strconv.ParseUint(os.Args[3], 10, 64)
	if err1 != nil || err2 != nil {
		return 2
	}
	if err := simulator.HoldForeign(ctx, os.Args[1], gpu, bytes, os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func makeNull(file string) error {
	return unix.Mknod(file, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
}
