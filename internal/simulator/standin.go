package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aim-engine/aim/internal/simulator/script"
)

// Serve is an LLM server (vllm, sglang or tgi) for everybody who cannot see that
// there is no model: it takes the backend's options and refuses what the backend
// would refuse, logs what the backend logs, holds VRAM of its node's tree, serves
// OpenAI's HTTP interface, and fails on request in the backend's words. It says
// that it is simulated in its first log line and in every answer.
//
// It ends when ctx does or when SIGTERM or SIGINT arrives, and returns the exit
// code: 0 when it was serving, 143 when it was still starting, 1 after a failure,
// 2 for a bad command line. env is asked for:
//
//	AIM_SIM_ROOT           the node's tree (CreateTree); without it no VRAM is held
//	AIM_SIM_COUNT          whose starts first=N counts, besides the served name
//	AIM_SIM_VERSION        the backend's release to be; default is the newest known
//	AIM_SIM_WEIGHTS_BYTES  size of the model; default is 60 % of the memory it may use
//	AIM_SIMULATE           faults and timings, see package script
//	ROCR_VISIBLE_DEVICES   the GPUs to use: uuids (GPU-...) or indices
//	VLLM_API_KEY           key that clients must send, unless --api-key is given
func Serve(ctx context.Context, backend string, args []string, env func(string) string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	d, known := dialects[backend]
	log := newJournal(stdout, stderr)
	if !known {
		log.complain("aim simulate: error: no backend is called %q", backend)
		return exitUsage
	}
	s := &standIn{env: env, dialect: d, log: log, voice: d.voice(log), began: time.Now()}
	s.log.plain("SIMULATED: this is not %s; there is no model, and no GPU is used", d.title)
	return s.end(s.run(ctx, args))
}

// standIn is one run of the stand-in server.
type standIn struct {
	env     func(string) string
	dialect dialect
	log     *journal
	voice   voice
	began   time.Time

	command *commandLine
	script  script.Script
	active  map[script.Name]script.Fault

	tree   *Tree // nil without AIM_SIM_ROOT
	gpus   []GPU // those that it uses; none without a tree
	memory memory
	hold   *Hold // nil until the weights are loaded, or without a tree

	front *front // nil when headless
}

// run is the whole life of the server. The error is a *crash where the
// backend has words for it, and the context's when it was ended during the start.
func (s *standIn) run(ctx context.Context, args []string) (err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.read(args); err != nil {
		return s.usage(err)
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	return s.serve(ctx)
}

// end writes why the server ended, and finds the exit code.
func (s *standIn) end(err error) int {
	var c *crash
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &c):
		s.voice.crashed(c, s.ranks())
		return c.code
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return exitTerminated
	}
	s.log.complain("aim simulate %s: error: %v", s.dialect.backend, err)
	return exitCrash
}

// ranks is how many GPUs the server was asked to use; 1 where the command line
// did not get that far.
func (s *standIn) ranks() int {
	if s.command == nil {
		return 1
	}
	return s.command.gpus()
}

// read takes in what the server is asked to be.
func (s *standIn) read(args []string) error {
	var err error
	if s.script, err = script.Parse(s.env("AIM_SIMULATE")); err != nil {
		return err
	}
	if root := s.env("AIM_SIM_ROOT"); root != "" {
		if s.tree, err = OpenTree(root); err != nil {
			return err
		}
	}
	if s.command, err = parseCommandLine(s.dialect, s.env("AIM_SIM_VERSION"), args); err != nil {
		return err
	}
	if err := s.activate(); err != nil {
		return err
	}
	if s.memory, err = planMemory(s.command, s.tree.all(), s.env); err != nil {
		return err
	}
	return s.fail(script.Option)
}

// activate finds the faults of the script that are meant for this start.
func (s *standIn) activate() error {
	facts := script.Facts{Option: s.command.text, Env: s.env, Start: 1}
	if s.script.Counts() {
		if s.tree == nil {
			return errors.New("AIM_SIMULATE: first=N counts the starts on a node, so it needs AIM_SIM_ROOT")
		}
		var err error
		if facts.Start, err = s.tree.countStart(s.env("AIM_SIM_COUNT") + s.command.names()[0]); err != nil {
			return err
		}
	}
	s.active = s.script.Active(facts)
	for name := range s.active {
		if !s.dialect.has(name) {
			return fmt.Errorf("AIM_SIMULATE: %s is no fault of %s", name, s.dialect.title)
		}
	}
	return nil
}

// fail is the end of the start by the first of these faults that is active.
func (s *standIn) fail(faults ...script.Name) error {
	for _, name := range faults {
		if fault, ok := s.active[name]; ok && !fault.Late() {
			return s.dialect.said(name, s.crashOf(name))
		}
	}
	return nil
}

// close gives back what the server has of the machine.
func (s *standIn) close() error {
	if s.front != nil {
		s.front.close()
	}
	if s.hold != nil {
		return s.hold.Release()
	}
	return nil
}
