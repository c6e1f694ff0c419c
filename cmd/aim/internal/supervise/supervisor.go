package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Supervisor owns its processes until Stop.
type Supervisor struct {
	notify  func(Event)
	starter *starter
	all     []*child // in the order of their start; owned by the caller of Start and Stop
}

// New makes a supervisor. notify is called, from any goroutine, for what happens
// to processes after they were ready.
func New(notify func(Event)) *Supervisor {
	return &Supervisor{notify: notify, starter: newStarter()}
}

// Start starts a process and returns when it is ready. From then on it is kept
// running. The error of a process that dies, or is not ready when ctx ends, has
// the last lines of its log.
func (s *Supervisor) Start(ctx context.Context, p Process) error {
	c := &child{Process: p, notify: s.notify, starter: s.starter, stop: make(chan struct{}), done: make(chan struct{})}
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	var err error
	for range triesAtStart {
		if err = c.first(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	s.all = append(s.all, c)
	go c.keep()
	return nil
}

// Stop stops all processes, last started first, and returns when they are gone.
func (s *Supervisor) Stop() {
	for _, c := range slices.Backward(s.all) {
		close(c.stop)
		<-c.done
	}
	s.all = nil
	s.starter.close()
}

// child is one process through all its lives.
//
//	first: start → ready ──keep──▶ died → pause → start → …
//	          └─▶ error     └─▶ stop: SIGTERM → grace → SIGKILL → gone
type child struct {
	Process
	notify  func(Event)
	starter *starter
	stop    chan struct{} // closed by Stop
	done    chan struct{} // closed by keep at its end

	wrote int64      // length of the log when the life at hand began
	ended chan error // the life at hand has ended; belongs to first, then to keep

	mu  sync.Mutex
	cmd *exec.Cmd // the life at hand, or the last one
}

// launch starts one life.
func (c *child) launch() error {
	command, err := c.Command()
	if err != nil {
		return fmt.Errorf("prepare %s: %w", c.Name, err)
	}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", c.Name, err)
	}
	defer log.Close() // the child has its own
	if info, err := log.Stat(); err == nil {
		c.wrote = info.Size()
	}
	cmd, err := newCommand(command, log)
	if err == nil {
		err = c.starter.start(cmd)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	if c.Started != nil {
		c.Started(cmd.Process.Pid)
	}
	c.ended = make(chan error, 1)
	go func(ended chan<- error) { ended <- cmd.Wait() }(c.ended)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd = cmd
	return nil
}

// first starts the first life and waits until it is ready.
func (c *child) first(ctx context.Context) error {
	if err := c.launch(); err != nil {
		return err
	}
	err := c.awaitReady(ctx)
	if err == nil {
		return nil
	}
	c.end()
	if lines := tail(c.Log, c.wrote, 5); lines != "" {
		return fmt.Errorf("%w; the end of %s:\n%s", err, c.Log, lines)
	}
	return err
}

// awaitReady asks until the life at hand is ready, has ended, or ctx has.
func (c *child) awaitReady(ctx context.Context) error {
	if c.Ready == nil {
		return nil
	}
	for {
		last := c.Ready(ctx, c.pid())
		if last == nil {
			return nil
		}
		select {
		case err := <-c.ended:
			c.ended <- err // for end
			return fmt.Errorf("%s did not become ready: it %s", c.Name, ending(err))
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready: %w (%w)", c.Name, context.Cause(ctx), last)
		case <-time.After(readyPoll):
		}
	}
}

// keep starts the process again whenever it dies, until it is to stop.
func (c *child) keep() {
	defer close(c.done)
	pause := firstPause
	for {
		started := time.Now()
		select {
		case <-c.stop:
			c.end()
			return
		case err := <-c.ended:
			if time.Since(started) > steady {
				pause = firstPause
			}
			c.notify(Event{Name: c.Name, What: ending(err), In: pause, Log: c.Log})
		}
		if !c.relaunch(&pause) {
			return
		}
	}
}

// relaunch waits and starts the next life, again and again until one starts;
// false means that it was told to stop.
func (c *child) relaunch(pause *time.Duration) bool {
	for {
		select {
		case <-c.stop:
			return false
		case <-time.After(*pause):
		}
		*pause = min(*pause*2, lastPause)
		err := c.launch()
		if err == nil {
			return true
		}
		c.notify(Event{Name: c.Name, What: "does not start: " + err.Error(), In: *pause, Log: c.Log})
	}
}

// end stops the life at hand and returns when it is gone.
func (c *child) end() {
	c.signal(syscall.SIGTERM)
	select {
	case <-c.ended:
		return
	case <-time.After(c.Grace):
	}
	c.signal(syscall.SIGKILL)
	<-c.ended
	c.notify(Event{Name: c.Name, What: fmt.Sprintf("did not stop within %s and was killed", c.Grace), Log: c.Log})
}

func (c *child) signal(sig syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.cmd.Process.Signal(sig) // a process that is gone needs none
}

func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cmd.Process.Pid
}

// ending says how a process has ended.
func ending(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "ended"
	case errors.As(err, &exit):
		return "ended with " + exit.String()
	}
	return "ended: " + err.Error()
}
