package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// starter starts all children from one operating system thread that lives as
// long as the supervisor. The kernel sends a child its parent-death signal when
// the *thread* that started it ends, and Go ends threads as it likes.
type starter struct {
	requests chan request
}

type request struct {
	cmd  *exec.Cmd
	done chan error
}

func newStarter() *starter {
	s := &starter{requests: make(chan request)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for r := range s.requests {
			r.done <- r.cmd.Start()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	r := request{cmd: cmd, done: make(chan error, 1)}
	s.requests <- r
	return <-r.done
}

// close ends the thread, and with it every child that still runs.
func (s *starter) close() { close(s.requests) }

// newCommand prepares a child: a process group of its own, so that Ctrl-C on
// the terminal reaches the supervisor alone, and a SIGTERM when that dies.
func newCommand(c Command, log *os.File) (*exec.Cmd, error) {
	if len(c.Args) == 0 {
		return nil, fmt.Errorf("no program given")
	}
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = c.Env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd, nil
}
