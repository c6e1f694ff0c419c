package devserver

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit codes: 0 after an interrupt, 1 if it cannot serve, 2 for a wrong command line.
const (
	exitFailed = 1
	exitUsage  = 2
)

// stopTimeout is more than Temporal needs to drain (2-5 s with workers that poll).
const stopTimeout = 15 * time.Second

// Main is the command aim-devserver: it serves until the process is interrupted
// and returns the exit code. It prints one Ready as a line of JSON on stdout when
// everything serves; logs and errors go to stderr.
func Main(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout, stderr)
	if errors.Is(err, errDone) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "aim-devserver:", err)
		return exitUsage
	}
	// A second signal ends the process at once.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore)

	if err := serve(ctx, o, stdout); err != nil {
		fmt.Fprintln(stderr, "aim-devserver:", err)
		return exitFailed
	}
	return 0
}

// serve returns when ctx ends and everything has stopped.
func serve(ctx context.Context, o Options, stdout io.Writer) error {
	srv, err := Start(ctx, o)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // interrupted while starting
	}
	if err != nil {
		return err
	}
	line, err := srv.Ready().JSON()
	if err == nil {
		_, err = stdout.Write(line)
	}
	if err == nil {
		<-ctx.Done()
	}
	stopCtx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), stopTimeout,
		fmt.Errorf("not finished after %s; the database is safe", stopTimeout))
	defer cancel()
	return errors.Join(err, srv.Stop(stopCtx))
}

// errDone means that the command line asked for nothing but text, which was printed.
var errDone = errors.New("done")

func parse(args []string, stdout, stderr io.Writer) (Options, error) {
	var o Options
	var level slog.Level
	var version bool
	f := flag.NewFlagSet("aim-devserver", flag.ContinueOnError)
	f.SetOutput(io.Discard) // Main prints the error, and the usage only where it was asked for
	f.StringVar(&o.Dir, "dir", "", "state `directory`, made if missing; empty keeps everything in memory")
	f.StringVar(&o.IP, "ip", "127.0.0.1", "`address` to listen on; nobody is asked for credentials, so keep it on loopback")
	f.IntVar(&o.TemporalPort, "temporal-port", 0, "`port` of Temporal (gRPC), 0 = a free one")
	f.IntVar(&o.UIPort, "ui-port", 0, "`port` of the Temporal UI (HTTP), 0 = a free one")
	f.IntVar(&o.NATSPort, "nats-port", 0, "`port` of NATS, 0 = a free one")
	f.StringVar(&o.Namespace, "namespace", "default", "Temporal namespace, created if missing, `name`")
	f.Func("search-attribute", "`Name=Type` to add to the namespace if missing, repeatable; types Bool, Datetime, Double, Int, Keyword, KeywordList, Text", func(s string) error {
		a, err := ParseSearchAttribute(s)
		o.SearchAttributes = append(o.SearchAttributes, a)
		return err
	})
	f.StringVar(&o.ReadyFile, "ready-file", "", "`file` that appears, with the line printed on stdout, when everything serves")
	f.TextVar(&level, "log-level", slog.LevelWarn, "`level` of the log on stderr: debug, info, warn, error")
	f.BoolVar(&version, "version", false, "print the versions of the servers inside and exit")

	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, "usage: aim-devserver [flags]")
		f.SetOutput(stdout)
		f.PrintDefaults()
		return o, errDone
	case err != nil:
		return o, fmt.Errorf("%w (aim-devserver --help lists the flags)", err)
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q (aim-devserver --help lists the flags)", f.Arg(0))
	case version:
		_, err := fmt.Fprintln(stdout, Version())
		return o, errors.Join(errDone, err)
	}
	o.Logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	return o, nil
}
