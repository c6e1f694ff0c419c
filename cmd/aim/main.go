package main

import (
	"context"
	"os"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, io cli.Streams) int {
	return cli.Run(ctx, args, io, addCommands)
}
