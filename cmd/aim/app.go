package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"
	"golang.org/x/term"

	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/inventory"
)

// app is what all commands share: streams, settings, and connections that are
// made when the first command needs them.
type app struct {
	args     []string // of the command line, for hints that repeat it
	in       io.Reader
	out, err *display.Output
	settings config.Settings
	now      func() time.Time

	client     client.Client   // nil until a command asks Temporal
	conn       *inventory.Conn // nil until a command asks the fleet
	configFile string          // --config as given
	format     string          // -o as given, for errors that come before the settings
	closers    []func()
}

// newApp reads nothing yet: settings come when a command needs them.
func newApp(io streams) *app {
	return &app{in: io.in, out: display.New(io.out, display.Auto), err: display.New(io.err, display.Auto), now: time.Now}
}

// annotationSetting marks a flag that is a setting; its value is the name of
// the setting.
const annotationSetting = "aim_setting"

// setting says that a flag, already defined, is a setting of this name.
func setting(flags *pflag.FlagSet, flag, key string) {
	// The only error is a flag that does not exist, which the help goldens find.
	_ = flags.SetAnnotation(flag, annotationSetting, []string{key})
}

// prepare comes before every command.
func (a *app) prepare(cmd *cobra.Command) error {
	if _, own := cmd.Annotations[annotationSignals]; !own {
		cmd.SetContext(a.interruptible(cmd.Context()))
	}
	if bare(cmd) {
		return nil
	}
	return a.load(cmd)
}

// load fills the settings from the flags of the command that runs, and sets up
// the streams by them.
func (a *app) load(cmd *cobra.Command) error {
	given := map[string]config.Flag{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		keys := f.Annotations[annotationSetting]
		if len(keys) == 0 {
			return
		}
		var value any = f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			value = list.GetSlice()
		}
		given[keys[0]] = config.Flag{Name: "--" + f.Name, Value: value}
	})
	a.format, _ = given["output"].Value.(string)
	a.configFile, _ = cmd.Root().PersistentFlags().GetString("config") // estimate has a flag of this name for another file
	s, err := config.Load(config.Options{File: a.configFile, Flags: given})
	if err != nil {
		return err
	}
	a.settings, a.format = s, s.Output
	a.out.SetMode(display.Mode(s.Color))
	a.err.SetMode(display.Mode(s.Color))
	return nil
}

// programs tells whether a program reads our output.
func (a *app) programs() bool { return slices.Contains([]string{"json", "jsonl"}, a.format) }

// hint tells a person what to do next; programs are left alone.
func (a *app) hint(format string, args ...any) {
	if !a.programs() {
		a.err.Printf(format+"\n", args...)
	}
}

// logger is for daemons: they log to stderr.
func (a *app) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: a.settings.LogLevel}))
}

// atEnd runs f when the command is over.
func (a *app) atEnd(f func()) { a.closers = append(a.closers, f) }

// close undoes in reverse what the command has opened.
func (a *app) close() {
	for _, f := range slices.Backward(a.closers) {
		f()
	}
}

// interruptible returns a context that ends with the first Ctrl-C or SIGTERM;
// the second one ends the process at once.
func (a *app) interruptible(ctx context.Context) context.Context {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore)
	a.atEnd(restore)
	return ctx
}

// interactive tells whether a person can be asked.
func (a *app) interactive() bool {
	f, ok := a.in.(*os.File)
	return ok && a.err.Terminal() && term.IsTerminal(int(f.Fd()))
}

// confirm asks a yes-no question; anything but yes is no.
func (a *app) confirm(question string) bool {
	a.err.Printf("%s [y/N] ", question)
	line, _ := bufio.NewReader(a.in).ReadString('\n') // no answer is no
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
}
