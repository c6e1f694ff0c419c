// Package up runs everything that one machine needs, as `aim up` does: it starts
// Temporal, NATS, control and nodes as processes of their own, looks after them
// (package supervise), and ends what a killed one has left behind.
//
//	up.json   where things are, remembered from start to start
//	up.lock   held by the one `aim up` of the folder
//	run/      pids of the parts, the ready file of aim-devserver
//	log/      a log for each part, and that of its run before
package up

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/supervise"
	"github.com/aim-engine/aim/internal/config"
)

type options struct {
	simulate string
	keep     bool
	detach   bool
	readyFD  int
}

func New(a *cli.App) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything that one machine needs: Temporal, NATS, control, a gateway and a node",
		Long: `Up runs everything that one machine needs, each as a process of its own:
Temporal with its UI and NATS (aim-devserver), control, a gateway, and a node agent
for the GPUs of this machine. With --simulate it runs nodes whose GPUs and models are
stand-ins.

All state is in one folder (--dir), and so are the logs. Up again goes on where
it stopped, at the same addresses: deployments stay wanted. The first time these
are the usual ports where they are free; in a folder of its own, ports from 10000
on that its name chooses. With addresses of an existing Temporal and NATS it
starts none of its own.

Ctrl-C ends what up has started and nothing else. Real models go on serving.`,
		Example:     "  aim up --simulate 2x8",
		Args:        cli.Named(),
		Annotations: map[string]string{cli.AnnotationSignals: ""},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.detach {
				return o.background(cmd.Context(), a, cmd)
			}
			return o.run(cmd.Context(), a)
		},
	}
	cmd.Flags().StringVar(&o.simulate, "simulate", "", "run N simulated nodes of M MI300X GPUs each, as `NxM`; none goes back to this machine's own")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "do not ask when stopped while real models serve; they go on")
	cmd.Flags().BoolVarP(&o.detach, "detach", "d", false, "run in the background, and return when all is ready")
	cmd.Flags().IntVar(&o.readyFD, "ready-fd", 0, "")
	_ = cmd.Flags().MarkHidden("ready-fd") // the other end of --detach
	return a.Prints(cmd, config.Stack{})
}

// run is the whole life of a stack: lock, plan, start, wait, stop.
func (o options) run(ctx context.Context, a *cli.App) error {
	lock, err := lockStack(a.Settings.Dir)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := keepToOurselves(); err != nil {
		return fmt.Errorf("close what was left open: %w", err)
	}
	s, err := o.plan(a)
	if err != nil {
		return err
	}
	// Caught from the start: a Ctrl-C while things come up ends them in order.
	interrupts := make(chan os.Signal, 4)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	if err := s.start(ctx, interrupts); err != nil {
		s.stop()
		return err
	}
	if err := s.tell(ctx); err != nil {
		s.stop()
		return err
	}
	o.announceReady(a)
	s.wait(ctx, interrupts, o.keep, func(ctx context.Context) []string { return realModels(ctx, a) })
	a.Hint("stopping")
	s.stop()
	a.Hint("stopped; deployments stay wanted, and `aim up` goes on with them")
	return nil
}

// announceReady tells a person how to stop, or the `aim up --detach` that has
// started us that it need not wait any longer.
func (o options) announceReady(a *cli.App) {
	if o.readyFD == 0 {
		a.Hint("Ctrl-C stops it")
		return
	}
	f := os.NewFile(uintptr(o.readyFD), "ready")
	_, _ = f.WriteString("ready\n") // whoever waited may have gone
	_ = f.Close()
}

// stack is a running `aim up`.
type stack struct {
	app      *cli.App
	state    config.Stack
	self     string // path of this binary
	config   string // --config, for the children
	nodes    []simulatedNode
	children *supervise.Supervisor
	reapers  sync.WaitGroup
	reapEnd  context.CancelFunc
	placed   bool // Temporal and NATS have answered: their addresses are worth remembering
	starting time.Time
}

// plan decides what to run: what was remembered, changed by what is asked now.
func (o options) plan(a *cli.App) (*stack, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program of aim itself: %w", err)
	}
	remembered, _ := config.ReadStack(a.Settings.Dir) // none is fine
	s := &stack{app: a, self: self, starting: a.Now(), state: config.Stack{
		Namespace: a.Settings.Temporal.Namespace, Simulate: remembered.Simulate, Since: a.Now().UTC(),
		AdminURL: remembered.AdminURL, GatewayURL: remembered.GatewayURL,
	}}
	s.config = a.ConfigFile
	if err := s.choosePlace(remembered); err != nil {
		return nil, err
	}
	if err := s.chooseNodes(remembered, o.simulate); err != nil {
		return nil, err
	}
	if len(s.nodes) == 0 { // this machine's own GPUs
		if err := a.CheckSysfs(); err != nil {
			return nil, err
		}
	}
	s.state.PID = os.Getpid()
	s.state.StartTicks, err = startTicks(os.Getpid())
	return s, err
}

// choosePlace decides whose Temporal and NATS to use. An address that is only
// the one of our own devserver, exported by `aim env`, is not somebody else's.
func (s *stack) choosePlace(remembered config.Stack) error {
	t, n := s.app.Settings.Temporal.Address, s.app.Settings.NATS.URL
	givenT := s.app.Settings.Given("temporal.address") && (remembered.External || t != remembered.TemporalAddress)
	givenN := s.app.Settings.Given("nats.url") && (remembered.External || n != remembered.NATSURL)
	switch {
	case givenT && givenN:
		s.state.External, s.state.TemporalAddress, s.state.NATSURL = true, t, n
	case givenT || givenN:
		return cli.Usage("up needs the addresses of both Temporal and NATS, or of neither: temporal.address is %q (from %s), nats.url is %q (from %s)",
			t, s.app.Settings.Source("temporal.address"), n, s.app.Settings.Source("nats.url"))
	case remembered.External:
		s.state.External, s.state.TemporalAddress, s.state.NATSURL = true, remembered.TemporalAddress, remembered.NATSURL
	default:
		s.state.TemporalAddress, s.state.NATSURL, s.state.UIAddress = remembered.TemporalAddress, remembered.NATSURL, remembered.UIAddress
	}
	return nil
}
