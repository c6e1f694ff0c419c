// The demo shows the whole program at work and asserts what it shows. Every
// line is checked against the real state: processes, ledgers, GPU memory. It
// exits 1 at the first line that does not hold.
//
//	make demo
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

// limit is how long the demo may take; it is also an assertion.
const limit = 40 * time.Second

func main() {
	bin := flag.String("bin", "bin", "folder of the binaries")
	keep := flag.Bool("keep", false, "keep the state folder")
	flag.Parse()
	if err := run(*bin, *keep); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo FAILED: %v\n", err)
		os.Exit(1)
	}
}

func run(bin string, keep bool) (err error) {
	// The build is not part of the time.
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "aim-demo-")
	if err != nil {
		return err
	}
	if !keep {
		defer os.RemoveAll(dir)
	}
	d := &demo{began: time.Now(), bin: bin, dir: dir}
	defer func() {
		if err != nil && d.stack != nil {
			fmt.Fprintln(os.Stderr, d.stack.Logs())
		}
		d.end(context.WithoutCancel(ctx))
	}()
	fmt.Print(header)
	for _, step := range []func(context.Context) error{
		d.up, d.plan, d.deploy, d.ask, d.killNode, d.killControl, d.tooLarge, d.stopAll, d.summary,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

const header = `AIM Engine demo - SIMULATED GPUs
  simulated: the MI300X GPUs (writable copies of a sysfs tree), the model server (a
             stand-in with vLLM's command line, HTTP and log), the model hub
  real:      Temporal, NATS, the workflows, the scheduler, the agents, the claims on
             disk, the processes, every kill -9

`
