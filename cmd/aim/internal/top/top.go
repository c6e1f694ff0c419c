// Package top is `aim top`: what models, replicas, nodes and GPUs do now.
package top

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/inventory"
)

// every is the pace of the screen; the nodes tell as often.
const every = 2 * time.Second

type options struct {
	view   string
	filter string
	once   bool
}

func New(a *cli.App) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:     "top",
		Short:   "Watch what models, replicas, nodes and GPUs do now",
		Example: "  aim top --view gpus",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVar(&o.view, "view", "replicas", "what to list: "+strings.Join(display.TopViews, ", "))
	cmd.Flags().StringVar(&o.filter, "filter", "", "show only rows with this text")
	cmd.Flags().BoolVar(&o.once, "once", false, "print once, as in a pipe")
	return a.Prints(cmd, []aim.FleetNode{})
}

func (o options) run(ctx context.Context, a *cli.App) error {
	if !slices.Contains(display.TopViews, o.view) {
		return cli.Usage("--view %s: there are %s", o.view, strings.Join(display.TopViews, ", "))
	}
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return err
	}
	if in, ok := a.In.(*os.File); ok && !o.once && !a.Programs() && a.Out.Terminal() && term.IsTerminal(int(in.Fd())) {
		return o.watch(ctx, a, in)
	}
	a.Live(ctx, fleet, cli.LiveWithin)
	if a.Programs() {
		return display.List(a.Out, a.Format, fleet.Nodes)
	}
	display.Top(a.Out, fleet, display.Screen{View: o.view, Filter: o.filter})
	return nil
}

// watch draws the screen again and again, and obeys keys, until q or an interrupt.
func (o options) watch(ctx context.Context, a *cli.App, in *os.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := a.NATS(ctx)
	if err != nil {
		return err
	}
	view, err := inventory.WatchLive(ctx, conn)
	if err != nil {
		return cli.Failed("ask for live numbers: %w", err)
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return cli.Failed("read keys: %w", err)
	}
	defer func() { _ = term.Restore(int(in.Fd()), state) }()
	_, _ = io.WriteString(a.Out, "\x1b[?1049h\x1b[?25l") // a screen of our own, without a cursor
	defer func() { _, _ = io.WriteString(a.Out, "\x1b[?25h\x1b[?1049l") }()
	keys := make(chan byte, 16)
	go readKeys(in, keys)
	s := screen{screen: display.Screen{View: o.view, Filter: o.filter}}
	tick := time.NewTicker(every)
	defer tick.Stop()
	fleet, failed := s.ask(ctx, a)
	for {
		cli.AddLive(fleet, view)
		s.draw(a, fleet, failed)
		select {
		case <-ctx.Done():
			return nil
		case key, ok := <-keys:
			if !ok || s.press(key) {
				return nil
			}
		case <-view.News():
		case <-tick.C:
			if fresh, err := s.ask(ctx, a); err == nil {
				fleet, failed = fresh, nil
			} else {
				failed = err
			}
		}
	}
}

func readKeys(in io.Reader, keys chan<- byte) {
	defer close(keys)
	var b [1]byte
	for {
		if n, err := in.Read(b[:]); n == 0 || err != nil {
			return
		}
		keys <- b[0]
	}
}

// screen is what is shown, and the filter that is being typed.
type screen struct {
	screen display.Screen
	typing bool
}

func (s *screen) ask(ctx context.Context, a *cli.App) (aim.Fleet, error) {
	answer, err := a.AskFleet(ctx)
	return answer.Fleet, err
}

// press obeys a key; true ends the program.
func (s *screen) press(key byte) (quit bool) {
	const ctrlC, escape, enter, backspace, del = 3, 27, '\r', 8, 127
	switch {
	case key == ctrlC:
		return true
	case s.typing:
		switch {
		case key == enter || key == escape:
			s.typing = false
		case (key == backspace || key == del) && s.screen.Filter != "":
			s.screen.Filter = s.screen.Filter[:len(s.screen.Filter)-1]
		case key >= ' ' && key < del:
			s.screen.Filter += string(key)
		}
	case key == 'q':
		return true
	case key == '/':
		s.typing, s.screen.Filter = true, ""
	case key == 's':
		s.screen.Sort++
	case key == '\t' || key == 'v':
		at := slices.Index(display.TopViews, s.screen.View)
		s.screen.View, s.screen.Sort = display.TopViews[(at+1)%len(display.TopViews)], 0
	case key >= '1' && int(key-'1') < len(display.TopViews):
		s.screen.View, s.screen.Sort = display.TopViews[key-'1'], 0
	}
	return false
}

// draw writes one screen: a line of what is shown, the rows, a line of keys.
func (s *screen) draw(a *cli.App, fleet aim.Fleet, failed error) {
	width, height := a.Out.Size()
	s.screen.Height = max(height-3, 1) // title, header, keys
	var text bytes.Buffer
	o := display.New(&text, display.Never)
	title := fmt.Sprintf("%s of %s", s.screen.View, display.Count(len(fleet.Nodes), "node", "nodes"))
	switch {
	case failed != nil:
		title += "  (not heard: " + failed.Error() + ")"
	case s.typing || s.screen.Filter != "":
		title += "  filter: " + s.screen.Filter
	}
	o.Println(title)
	display.Top(o, fleet, s.screen)
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(height-1, 1)], "tab view   s sort   / filter   q quit")
	for i, l := range lines {
		if r := []rune(l); len(r) > width {
			lines[i] = string(r[:width])
		}
	}
	_, _ = io.WriteString(a.Out, "\x1b[H"+strings.Join(lines, "\x1b[K\r\n")+"\x1b[K\x1b[J")
}
