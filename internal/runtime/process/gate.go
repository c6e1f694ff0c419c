package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// gateEnv marks a shim process as the gate. It never reaches the server.
const gateEnv = "_AIM_SHIM_GATE"

// gateDescriptor is the first of exec.Cmd.ExtraFiles in the child.
const gateDescriptor = 3

// gate is a child that will become the server: same pid, same start time. It
// waits at a pipe until it is released, so that server.json is on disk before
// one instruction of the server runs. If the shim is killed first, the pipe
// closes and the child goes away: there is never a server without a record.
type gate struct {
	record record
	pipe   *os.File
}

// openGate starts the child.
func openGate(f folder) (*gate, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	inner, outer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inner.Close()
	// Not our path: the file may have been replaced by an upgrade meanwhile.
	cmd := exec.Command("/proc/self/exe", "shim", string(f))
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), gateEnv+"=1")
	cmd.Dir = string(f)
	cmd.ExtraFiles = []*os.File{inner}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		outer.Close()
		return nil, err
	}
	p, ok := statOf(cmd.Process.Pid)
	if !ok {
		outer.Close()
		return nil, fmt.Errorf("process %d cannot be read in /proc", cmd.Process.Pid)
	}
	return &gate{
		pipe: outer,
		record: record{
			PID: p.PID, StartTime: p.Starttime, Session: os.Getpid(),
			BootID: boot, Started: time.Now(),
		},
	}, nil
}

// release lets the child become the server.
func (g *gate) release() error {
	_, err := g.pipe.Write([]byte{1})
	return errors.Join(err, g.pipe.Close())
}

// abandon lets the child go away.
func (g *gate) abandon() { g.pipe.Close() }

// enterGate is the child's side. It returns only when it does not become the
// server; 127 is what shells answer for a program that cannot be run.
func enterGate(f folder) int {
	pipe := os.NewFile(gateDescriptor, "gate")
	if _, err := io.ReadFull(pipe, make([]byte, 1)); err != nil {
		return 0
	}
	pipe.Close()
	os.Unsetenv(gateEnv)
	var p plan
	if ok, err := f.read(launchFile, &p); err != nil || !ok || len(p.Argv) == 0 {
		fmt.Fprintf(os.Stderr, "aim shim: %s cannot be used: %v\n", f.path(launchFile), err)
		return 127
	}
	program, err := exec.LookPath(p.Argv[0])
	if err == nil {
		err = p.become()
	}
	if err == nil {
		err = syscall.Exec(program, p.Argv, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "aim shim: cannot run %s: %v\n", p.Argv[0], err)
	return 127
}
