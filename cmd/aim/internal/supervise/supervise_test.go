package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim/cmd/aim/internal/supervise"
)

// The test binary plays two parts besides the test: a child, and a supervisor
// that a test can kill.
func TestMain(m *testing.M) {
	switch os.Getenv("SUPERVISE_TEST") {
	case "child":
		play()
	case "supervisor":
		superviseForever(os.Getenv("DIR"))
	}
	os.Exit(m.Run())
}

// play is a child: a shell line that the test has written.
func play() {
	err := syscall.Exec("/bin/sh", []string{"sh", "-c", os.Getenv("LINE")}, os.Environ())
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func superviseForever(dir string) {
	s := supervise.New(func(supervise.Event) {})
	if err := s.Start(context.Background(), process(dir, "child", "exec sleep 600")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// process is ready when its line has made the file "ready".
func process(dir, name, line string) supervise.Process {
	return supervise.Process{
		Name: name, Log: filepath.Join(dir, name+".log"), Grace: 2 * time.Second,
		Started: func(pid int) {
			file := filepath.Join(dir, name+".pid")
			_ = os.WriteFile(file+".new", []byte(strconv.Itoa(pid)), 0o600)
			_ = os.Rename(file+".new", file) // so that nobody reads half of it
		},
		Command: func() (supervise.Command, error) {
			return supervise.Command{
				Args: []string{os.Args[0]},
				Env:  append(os.Environ(), "SUPERVISE_TEST=child", "DIR="+dir, "LINE="+line),
			}, nil
		},
	}
}

func readyFile(dir string) func(context.Context, int) error {
	return func(context.Context, int) error {
		_, err := os.Stat(filepath.Join(dir, "ready"))
		return err
	}
}

func pidOf(t *testing.T, dir, name string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name+".pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(data))
	require.NoError(t, err)
	return pid
}

func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z ")
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 5*time.Millisecond, what)
}

func TestStartWaitsForReady(t *testing.T) {
	dir := t.TempDir()
	s := supervise.New(func(e supervise.Event) { t.Log(e) })
	defer s.Stop()
	p := process(dir, "a", `echo up; touch "$DIR/ready"; exec sleep 600`)
	p.Ready = readyFile(dir)
	require.NoError(t, s.Start(t.Context(), p))
	require.FileExists(t, filepath.Join(dir, "ready"))
	log, err := os.ReadFile(filepath.Join(dir, "a.log"))
	require.NoError(t, err)
	require.Equal(t, "up\n", string(log))
}

// A process that dies before it was ready is an error with the end of its log.
func TestStartTellsWhyNot(t *testing.T) {
	dir := t.TempDir()
	s := supervise.New(func(supervise.Event) {})
	defer s.Stop()
	p := process(dir, "a", `echo "port 80 is taken"; exit 3`)
	p.Ready = readyFile(dir)
	err := s.Start(t.Context(), p)
	require.ErrorContains(t, err, "a did not become ready: it ended with exit status 3")
	require.ErrorContains(t, err, "port 80 is taken")
}

func TestStartEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	s := supervise.New(func(supervise.Event) {})
	defer s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	p := process(dir, "a", "exec sleep 600")
	p.Ready = readyFile(dir)
	require.ErrorIs(t, s.Start(ctx, p), context.DeadlineExceeded)
	require.True(t, gone(pidOf(t, dir, "a")))
}

// What is killed starts again, and the supervisor says so.
func TestKilledProcessStartsAgain(t *testing.T) {
	dir := t.TempDir()
	events := make(chan supervise.Event, 16)
	s := supervise.New(func(e supervise.Event) { events <- e })
	defer s.Stop()
	require.NoError(t, s.Start(t.Context(), process(dir, "a", "exec sleep 600")))
	first := pidOf(t, dir, "a")
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	e := <-events
	require.Equal(t, "a", e.Name)
	require.Equal(t, "ended with signal: killed", e.What)
	require.Positive(t, e.In)
	eventually(t, "a second life", func() bool { return pidOf(t, dir, "a") != first })
}

// Stop goes backwards, waits, and kills only what does not listen.
func TestStopInReverse(t *testing.T) {
	dir := t.TempDir()
	var killed []string
	s := supervise.New(func(e supervise.Event) { killed = append(killed, e.Name) })
	for _, name := range []string{"a", "b"} {
		p := process(dir, name, `trap 'echo `+name+` >> "$DIR/order"; exit 0' TERM; touch "$DIR/ready-`+name+`"; while :; do sleep 0.01; done`)
		p.Ready = func(context.Context, int) error {
			_, err := os.Stat(filepath.Join(dir, "ready-"+name))
			return err
		}
		require.NoError(t, s.Start(t.Context(), p))
	}
	deaf := process(dir, "deaf", `trap '' TERM; touch "$DIR/ready"; while :; do sleep 0.01; done`)
	deaf.Ready, deaf.Grace = readyFile(dir), 100*time.Millisecond
	require.NoError(t, s.Start(t.Context(), deaf))
	s.Stop()
	order, err := os.ReadFile(filepath.Join(dir, "order"))
	require.NoError(t, err)
	require.Equal(t, "b\na\n", string(order))
	require.Equal(t, []string{"deaf"}, killed)
	for _, name := range []string{"a", "b", "deaf"} {
		require.True(t, gone(pidOf(t, dir, name)), name)
	}
}

// When the supervisor is killed, the kernel ends its processes.
func TestProcessesEndWithTheirSupervisor(t *testing.T) {
	dir := t.TempDir()
	boss := exec.Command(os.Args[0])
	boss.Env = append(os.Environ(), "SUPERVISE_TEST=supervisor", "DIR="+dir)
	require.NoError(t, boss.Start())
	eventually(t, "the child", func() bool {
		_, err := os.Stat(filepath.Join(dir, "child.pid"))
		return err == nil
	})
	pid := pidOf(t, dir, "child")
	require.False(t, gone(pid))
	require.NoError(t, boss.Process.Kill())
	_ = boss.Wait()
	eventually(t, "the end of the child", func() bool { return gone(pid) })
}
