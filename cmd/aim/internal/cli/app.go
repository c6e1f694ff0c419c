// Package cli is what all commands share: streams, settings, connections, exit
// codes, and the way errors are told.
//
// A command is a value of options that its flags fill, a constructor (synopsis,
// one example, flags) and run, in this order in one file:
//
//	type stopOptions struct{ why string }
//	func NewStop(a *cli.App) *cobra.Command
//	func (o stopOptions) run(ctx context.Context, a *cli.App, names []string) error
//
// Data goes to a.Out, progress and hints to a.Err. Nothing is connected before a
// command needs it.
package cli

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
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

// App is what all commands share: streams, settings, and connections that are
// made when the first command needs them.
type App struct {
	Args     []string // of the command line, for hints that repeat it
	In       io.Reader
	Out, Err *display.Output
	Settings config.Settings
	Now      func() time.Time

	client     client.Client   // nil until a command asks Temporal
	conn       *inventory.Conn // nil until a command asks the fleet
	ConfigFile string          // --config as given
	Format     string          // -o as given, for errors that come before the settings
	closers    []func()

	printed map[*cobra.Command][]reflect.Type
}

// New reads nothing yet: settings come when a command needs them.
func New(io Streams) *App {
	return &App{In: io.In, Out: display.New(io.Out, display.Auto), Err: display.New(io.Err, display.Auto), Now: time.Now}
}

// annotationSetting marks a flag that is a setting; its value is the name of
// the setting.
const annotationSetting = "aim_setting"

// Setting says that a flag, already defined, is a setting of this name.
func Setting(flags *pflag.FlagSet, flag, key string) {
	// The only error is a flag that does not exist, which the help goldens find.
	_ = flags.SetAnnotation(flag, annotationSetting, []string{key})
}

// prepare comes before every command.
func (a *App) prepare(cmd *cobra.Command) error {
	if _, own := cmd.Annotations[AnnotationSignals]; !own {
		cmd.SetContext(a.interruptible(cmd.Context()))
	}
	if bare(cmd) {
		return nil
	}
	return a.Load(cmd)
}

// Load fills the settings from the flags of the command that runs, and sets up
// the streams by them.
func (a *App) Load(cmd *cobra.Command) error {
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
	a.Format, _ = given["output"].Value.(string)
	a.ConfigFile, _ = cmd.Root().PersistentFlags().GetString("config") // estimate has a flag of this name for another file
	s, err := config.Load(config.Options{File: a.ConfigFile, Flags: given})
	if err != nil {
		return err
	}
	a.Settings, a.Format = s, s.Output
	a.Out.SetMode(display.Mode(s.Color))
	a.Err.SetMode(display.Mode(s.Color))
	return nil
}

// Programs tells whether a program reads our output.
func (a *App) Programs() bool { return slices.Contains([]string{"json", "jsonl"}, a.Format) }

// Prints says what a command prints with -o json: a value of one of these types,
// where a slice stands for a list (with jsonl an element a line). From it comes the
// published schema.
func (a *App) Prints(cmd *cobra.Command, values ...any) *cobra.Command {
	if a.printed == nil {
		a.printed = map[*cobra.Command][]reflect.Type{}
	}
	for _, v := range values {
		a.printed[cmd] = append(a.printed[cmd], reflect.TypeOf(v))
	}
	return cmd
}

// Printed is what Prints was told of a command; none for one that prints no data.
func (a *App) Printed(cmd *cobra.Command) []reflect.Type { return a.printed[cmd] }

// PrintsAsItIs refuses an --output that was given to a command that does not print
// data; one that is set for all commands does no harm.
func (a *App) PrintsAsItIs(what string) error {
	if a.Programs() && a.Settings.Source("output") == "--output" {
		return Usage("%s; it has no --output %s", what, a.Format)
	}
	return nil
}

// Hint tells a person what to do next; programs are left alone.
func (a *App) Hint(format string, args ...any) {
	if !a.Programs() {
		a.Err.Printf(format+"\n", args...)
	}
}

// Logger is for daemons: they log to stderr.
func (a *App) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.Err, &slog.HandlerOptions{Level: a.Settings.LogLevel}))
}

// atEnd runs f when the command is over.
func (a *App) atEnd(f func()) { a.closers = append(a.closers, f) }

// close undoes in reverse what the command has opened.
func (a *App) close() {
	for _, f := range slices.Backward(a.closers) {
		f()
	}
}

// interruptible returns a context that ends with the first Ctrl-C or SIGTERM;
// the second one ends the process at once.
func (a *App) interruptible(ctx context.Context) context.Context {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore)
	a.atEnd(restore)
	return ctx
}

// Interactive tells whether a person can be asked.
func (a *App) Interactive() bool {
	f, ok := a.In.(*os.File)
	return ok && a.Err.Terminal() && term.IsTerminal(int(f.Fd()))
}

// Confirm asks a yes-no question; anything but yes is no.
func (a *App) Confirm(question string) bool {
	a.Err.Printf("%s [y/N] ", question)
	line, _ := bufio.NewReader(a.In).ReadString('\n') // no answer is no
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
}

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}
