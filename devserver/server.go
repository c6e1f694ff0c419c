package devserver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// startTimeout bounds a start on a machine that is busy with something else; an
// idle one needs about a second.
const startTimeout = time.Minute

// Server is a running Temporal server, its UI and a NATS server.
type Server struct {
	ready Ready
	undo  []func() error // how to take back what was started, in the order of starting
}

// Start returns when everything serves. On an error nothing is left running.
// It fails if Dir is in use by another process, if its database was made by
// another version of Temporal, if a port is taken, or if ctx ends.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready after %s", startTimeout))
	defer cancel()

	s := &Server{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.start(ctx, o); err != nil {
		return nil, err
	}
	return s, nil
}

// Ready says where everything is.
func (s *Server) Ready() Ready { return s.ready }

// Stop takes the ready file away and ends everything in reverse order. Workflows
// stay as they are and go on with the next start. It returns an error if ctx ends
// first; the database is safe even then.
func (s *Server) Stop(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop: %w", context.Cause(ctx))
	}
}

func (s *Server) start(ctx context.Context, o Options) error {
	dir, err := s.takeDir(o.Dir)
	if err != nil {
		return err
	}
	ports, err := reservePorts(o)
	if err != nil {
		return err
	}
	defer ports.release()
	s.ready = ports.ready(o)
	if err := removeIfExists(o.ReadyFile); err != nil { // left by a process that was killed
		return fmt.Errorf("remove an old ready file: %w", err)
	}

	if err := s.startNATS(o, ports); err != nil {
		return err
	}
	if err := s.startTemporal(ctx, o, dir, ports); err != nil {
		return err
	}
	ui := startUI(o.IP, ports.ui.port, s.ready.TemporalAddress, o.Namespace)
	s.undo = append(s.undo, ui.stop)

	if err := awaitReady(ctx, s.ready, o.Logger.With("part", "probe")); err != nil {
		return err
	}
	return s.announce(o.ReadyFile)
}

// takeDir makes and locks the state directory and returns its absolute path.
func (s *Server) takeDir(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find state directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return "", err
	}
	s.undo = append(s.undo, lock.Close)
	return dir, nil
}

func (s *Server) startNATS(o Options, ports *reservations) error {
	server, err := startNATS(o.IP, ports.nats.port, o.Logger.With("part", "nats"))
	if err != nil {
		return err
	}
	s.undo = append(s.undo, func() error { return stopNATS(server) })
	return nil
}

func (s *Server) startTemporal(ctx context.Context, o Options, dir string, ports *reservations) error {
	db, err := openDatabase(dir)
	if err != nil {
		return err
	}
	if err := prepareNamespace(ctx, db, o.Namespace, o.SearchAttributes); err != nil {
		return err
	}
	stop, err := startTemporal(o.IP, ports.temporal(), db, o.Logger.With("part", "temporal"))
	if stop != nil {
		s.undo = append(s.undo, stop)
	}
	return err
}

func (s *Server) announce(readyFile string) error {
	if readyFile == "" {
		return nil
	}
	line, err := s.ready.JSON()
	if err != nil {
		return err
	}
	if err := writeFile(readyFile, line); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	s.undo = append(s.undo, func() error { return removeIfExists(readyFile) })
	return nil
}

func (s *Server) stop() error {
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		errs = append(errs, s.undo[i]())
	}
	s.undo = nil
	return errors.Join(errs...)
}
