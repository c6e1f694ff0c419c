package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The proxies have core 0 and everybody else core 1.
const (
	proxyCore = 0
	otherCore = 1
)

// roleVariable names the role that a child of this program plays.
const roleVariable = "AIM_BENCH_GATEWAY_ROLE"

// act plays a role until standard input ends.
func act(role string, args []string) error {
	switch role {
	case "splice":
		return splice(args[0], args[1])
	case "server":
		return serveAlone()
	}
	return fmt.Errorf("no role %q", role)
}

// pinSelf leaves core 0 to the proxies.
func pinSelf() error {
	if runtime.NumCPU() < 2 {
		return errors.New("this machine has one")
	}
	runtime.GOMAXPROCS(1)
	return eachThread(os.Getpid(), func(tid int) error { return pin(tid, otherCore) })
}

func pin(tid, core int) error {
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(tid, &set)
}

func eachThread(pid int, f func(tid int) error) error {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, e := range entries {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			return err
		}
		if err := f(tid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// prefer gives processes real-time priority, and takes it away again: what else
// the machine does is not what is measured. Where that is not allowed nothing is
// done.
func prefer(pids ...int) (undo func()) {
	set := func(attr unix.SchedAttr) error {
		attr.Size = unix.SizeofSchedAttr
		for _, pid := range append(pids, os.Getpid()) {
			if err := eachThread(pid, func(tid int) error { return unix.SchedSetAttr(tid, &attr, 0) }); err != nil {
				return err
			}
		}
		return nil
	}
	if err := set(unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 10}); err != nil {
		note("without real-time priority: %v", err)
	}
	return func() { _ = set(unix.SchedAttr{Policy: unix.SCHED_NORMAL}) }
}

// child is a process on the proxies' core.
type child struct {
	cmd   *exec.Cmd
	name  string
	url   string // host:port where clients ask
	input io.Closer
	log   string // file
}

// start starts a program on the proxies' core, with its output in a file.
func start(b *bench, name string, cmd *exec.Cmd, core int) (*child, error) {
	c := &child{cmd: cmd, name: name, log: filepath.Join(b.dir, name+".log")}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	if c.input, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	runtime.LockOSThread() // a child has the cores of the thread that makes it
	defer runtime.UnlockOSThread()
	if runtime.NumCPU() > 1 {
		if err := pin(0, core); err != nil {
			return nil, err
		}
		defer func() { _ = pin(0, otherCore) }()
	}
	return c, cmd.Start()
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the process in its own way.
func (c *child) stop() {
	_ = c.input.Close()
	_ = c.cmd.Process.Signal(unix.SIGTERM)
	slow := time.AfterFunc(10*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer slow.Stop()
	_ = c.cmd.Wait()
}

// failed is an error with the end of the process's log.
func (c *child) failed(err error) error {
	data, _ := os.ReadFile(c.log)
	return fmt.Errorf("%s: %w: %s", c.name, err, data[max(0, len(data)-500):])
}

// cpu is what the process has used since it began.
func (c *child) cpu() (time.Duration, error) {
	var all int64
	err := eachThread(c.pid(), func(tid int) error {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", c.pid(), tid))
		if err != nil {
			return nil //nolint:nilerr // the thread has ended
		}
		used, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(used, 10, 64)
		all += n
		return err
	})
	return time.Duration(all), err
}

// rss is the resident memory in KiB.
func (c *child) rss() (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", c.pid()))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("process %d shows no VmRSS", c.pid())
}

// freeAddress is one that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// eventually asks every few milliseconds until ok, for at most 20 s.
func eventually(ctx context.Context, ok func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
