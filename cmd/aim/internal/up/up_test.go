package up

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/internal/config"
)

// The test binary plays a shim besides the test: it waits for SIGTERM.
func TestMain(m *testing.M) {
	if os.Getenv("AIM_TEST_SHIM") != "" {
		if os.Getenv("AIM_TEST_SHIM") == "deaf" {
			signal.Ignore(syscall.SIGTERM)
		}
		time.Sleep(10 * time.Minute) // SIGTERM ends it at once
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestParseSimulate(t *testing.T) {
	for text, want := range map[string][2]int{"2x8": {2, 8}, "1x1": {1, 1}, "3": {3, 8}, "64x2": {64, 2}} {
		nodes, gpus, err := parseSimulate(text)
		require.NoError(t, err)
		require.Equal(t, want, [2]int{nodes, gpus})
	}
	for _, text := range []string{"", "x", "2x", "0x8", "2x0", "2x9", "65x8", "2x8x1", "-1x8", "99999999999999999999x1"} {
		_, _, err := parseSimulate(text)
		require.Equal(t, cli.ExitUsage, cli.CodeOf(err), text)
	}
}

// All port ranges of a stack lie below those of outgoing connections.
func TestSimulatedPorts(t *testing.T) {
	for _, dir := range []string{"", "/a", "/var/lib/aim", "/home/someone/.local/state/aim"} {
		first := portsOf(dir)
		require.Equal(t, first, portsOf(dir))
		require.GreaterOrEqual(t, first, lowestPort)
		require.Less(t, first+maxSimulated*portsPerNode, 32768)
	}
	require.NotEqual(t, portsOf("/a"), portsOf("/b"))
}

// planned is what `aim up` would do with these settings and memories.
func planned(t *testing.T, remembered config.Stack, o options) (*stack, error) {
	t.Helper()
	dir := t.TempDir()
	if remembered.TemporalAddress != "" {
		require.NoError(t, remembered.Write(dir))
	}
	a := cli.New(cli.Streams{})
	var err error
	a.Settings, err = config.Load(config.Options{Flags: map[string]config.Flag{"dir": {Name: "--dir", Value: dir}}})
	require.NoError(t, err)
	return o.plan(a)
}

var ours = config.Stack{TemporalAddress: "127.0.0.1:17233", NATSURL: "nats://127.0.0.1:14222", UIAddress: "http://127.0.0.1:18233"}

func TestUpTakesItsAddressesAgain(t *testing.T) {
	clitest.Alone(t)
	t.Setenv("TEMPORAL_ADDRESS", "")
	t.Setenv("NATS_URL", "")
	s, err := planned(t, ours, options{})
	require.NoError(t, err)
	require.False(t, s.state.External)
	require.Equal(t, [3]string{"17233", "18233", "14222"}, s.devserverPorts())
	require.Equal(t, os.Getpid(), s.state.PID)
}

// `eval "$(aim env)"` puts our own addresses into the environment. They are
// still ours.
func TestUpKnowsItsOwnExports(t *testing.T) {
	clitest.Alone(t)
	t.Setenv("TEMPORAL_ADDRESS", ours.TemporalAddress)
	t.Setenv("NATS_URL", ours.NATSURL)
	s, err := planned(t, ours, options{})
	require.NoError(t, err)
	require.False(t, s.state.External)
}

func TestUpUsesWhatIsGiven(t *testing.T) {
	clitest.Alone(t)
	t.Setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
	t.Setenv("NATS_URL", "nats://nats.example:4222")
	s, err := planned(t, ours, options{})
	require.NoError(t, err)
	require.True(t, s.state.External)
	require.Equal(t, "temporal.example:7233", s.state.TemporalAddress)

	t.Setenv("NATS_URL", "")
	_, err = planned(t, ours, options{})
	require.Equal(t, cli.ExitUsage, cli.CodeOf(err))
	require.ErrorContains(t, err, "both Temporal and NATS")
	require.ErrorContains(t, err, "TEMPORAL_ADDRESS")
}

// What was simulated stays simulated until somebody says otherwise.
func TestUpRemembersItsNodes(t *testing.T) {
	clitest.Alone(t)
	t.Setenv("TEMPORAL_ADDRESS", "")
	t.Setenv("NATS_URL", "")
	s, err := planned(t, config.Stack{}, options{simulate: "2x4"})
	require.NoError(t, err)
	require.Len(t, s.nodes, 2)
	require.Equal(t, []config.StackNode{{ID: "n1", Simulated: true}, {ID: "n2", Simulated: true}}, s.state.Nodes)
	require.NotEqual(t, s.nodes[0].port, s.nodes[1].port)

	remembered := ours
	remembered.Simulate, remembered.PortFirst = "1x2", 20500
	s, err = planned(t, remembered, options{})
	require.NoError(t, err)
	require.Len(t, s.nodes, 1)
	require.Equal(t, 20500, s.nodes[0].port)

	s, err = planned(t, remembered, options{simulate: "none"})
	require.NoError(t, err)
	require.Empty(t, s.nodes)
	require.False(t, s.state.Nodes[0].Simulated)
}

// The settings of a simulated node are complete, and readable as any others.
func TestSimulatedNodeSettings(t *testing.T) {
	clitest.Alone(t)
	s, err := planned(t, config.Stack{}, options{simulate: "1x2"})
	if err != nil { // the addresses of alone are given, both of them
		t.Fatal(err)
	}
	n := s.nodes[0]
	require.NoError(t, n.writeConfig("/opt/a b/aim", "http://127.0.0.1:1"))
	got, err := config.Load(config.Options{File: n.configFile()})
	require.NoError(t, err)
	require.Equal(t, "n1", got.Node.ID)
	require.Equal(t, "process", got.Node.Runtime)
	require.Equal(t, n.root(), got.Node.SimulateRoot)
	require.Equal(t, []string{"/opt/a b/aim", "simulate", "vllm", "--root", n.root(), "--"}, got.Node.Commands["vllm"])
	require.Equal(t, n.port, got.Node.Ports.First)
	require.Equal(t, "http://127.0.0.1:1", got.Node.HubEndpoint)
}

// One `aim up` a folder: the second one is told who runs, and the lock goes
// with the process.
func TestOneStackAFolder(t *testing.T) {
	dir := t.TempDir()
	require.False(t, runs(t, dir))
	lock, err := lockStack(dir)
	require.NoError(t, err)
	require.NoError(t, config.Stack{PID: 4711}.Write(dir))
	require.True(t, runs(t, dir))
	_, err = lockStack(dir)
	require.ErrorContains(t, err, "running already in "+dir+" (pid 4711)")
	require.Contains(t, cli.NextOf(err), "aim down")

	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cli.ErrTimeout)
	defer cancel()
	require.ErrorIs(t, awaitStackEnd(ctx, dir), cli.ErrTimeout)
	require.NoError(t, lock.Release())
	require.NoError(t, awaitStackEnd(t.Context(), dir))
	require.False(t, runs(t, dir))
}

// A pid that belongs to another process now is not the stack.
func TestFindStack(t *testing.T) {
	dir := t.TempDir()
	ticks, err := startTicks(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, config.Stack{PID: os.Getpid(), StartTicks: ticks}.Write(dir))
	p, err := findStack(dir)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), p.Pid)
	for name, s := range map[string]config.Stack{
		"another process": {PID: os.Getpid(), StartTicks: ticks + 1},
		"gone":            {PID: 1 << 22, StartTicks: ticks},
		"stopped":         {},
	} {
		require.NoError(t, s.Write(dir))
		_, err := findStack(dir)
		require.Error(t, err, name)
	}
}

func runs(t *testing.T, dir string) bool {
	t.Helper()
	held, err := Runs(dir)
	require.NoError(t, err)
	return held
}

// TestAskingIsNotInTheWay: whoever asks whether a stack runs never turns away one
// that is just starting.
func TestAskingIsNotInTheWay(t *testing.T) {
	dir := t.TempDir()
	first, err := lockStack(dir)
	require.NoError(t, err)
	require.NoError(t, first.Release())
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = Runs(dir)
			}
		}
	}()
	for range 300 {
		lock, err := lockStack(dir)
		require.NoError(t, err)
		require.NoError(t, lock.Release())
	}
	close(stop)
	<-stopped
}

// A folder that cannot be looked at is told, and not taken for one in which
// nothing runs.
func TestAFolderThatCannotBeReadIsTold(t *testing.T) {
	clitest.Alone(t)
	dir := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	code, _, stderr := clitest.Run(t, []func(*cli.App) *cobra.Command{NewDown}, "down", "--dir", dir)
	require.Equal(t, cli.ExitFailed, code)
	require.Contains(t, stderr, "not a directory")
}

// server starts a process that looks like a simulated server of this tree, whose
// shim is gone.
func server(t *testing.T, tree, manner string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "simulate", "vllm", "--root", tree, "--", "m")
	cmd.Env = append(os.Environ(), "AIM_TEST_SHIM="+manner)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// A simulated server whose shim was killed is ended as well; one of another
// folder is not.
func TestServersWithoutAShimAreEnded(t *testing.T) {
	dir := t.TempDir()
	ours := server(t, filepath.Join(simulatedDir(dir), "n1", "tree"), "1")
	other := server(t, filepath.Join(simulatedDir(dir)+"-too", "n1", "tree"), "1")
	ended := make(chan error, 1)
	go func() { ended <- ours.Wait() }()
	require.NoError(t, endLeftovers(t.Context(), simulatedDir(dir)))
	require.ErrorContains(t, <-ended, "signal: terminated")
	require.NoError(t, other.Process.Signal(syscall.Signal(0)), "it still runs")
}

// Remembered ports are none that the kernel gives to outgoing connections.
func TestOwnPortsAreKeptByNobodyElse(t *testing.T) {
	clitest.Alone(t)
	t.Setenv("TEMPORAL_ADDRESS", "")
	t.Setenv("NATS_URL", "")
	s, err := planned(t, config.Stack{}, options{})
	require.NoError(t, err)
	ports := s.devserverPorts()
	seen := map[string]bool{}
	for _, text := range ports {
		port, err := strconv.Atoi(text)
		require.NoError(t, err)
		require.GreaterOrEqual(t, port, lowestOwnPort)
		require.Less(t, port, lowestPort)
		require.False(t, seen[text])
		seen[text] = true
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+ports[0])
	require.NoError(t, err)
	defer l.Close()
	require.NotEqual(t, ports[0], s.devserverPorts()[0], "somebody has it")
}

// A port of the last time that is somebody's for a moment is waited for.
func TestAPortOfTheLastTimeIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &stack{app: cli.New(cli.Streams{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, s.checkPorts(ctx, [3]string{port, "0", "0"}), "is taken")
	time.AfterFunc(100*time.Millisecond, func() { l.Close() })
	require.NoError(t, s.checkPorts(t.Context(), [3]string{port, "0", "0"}))
}

// What was left open by whoever has started us is not handed on.
func TestNothingLeftOpenIsInherited(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	left, err := syscall.Dup(int(w.Fd())) // without close-on-exec, as a shell leaves it
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, keepToOurselves())
	server(t, filepath.Join(t.TempDir(), "tree"), "1")
	require.NoError(t, syscall.Close(left))
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the child has it still")
}

// A stack that runs is what `aim up --detach` is asked for, unless other nodes are.
func TestUpDetachedAgain(t *testing.T) {
	clitest.Alone(t)
	dir := t.TempDir()
	lock, err := lockStack(dir)
	require.NoError(t, err)
	defer lock.Release()
	require.NoError(t, config.Stack{PID: os.Getpid(), Ready: true, Simulate: "2x8"}.Write(dir))
	up := []func(*cli.App) *cobra.Command{New}
	code, stdout, stderr := clitest.Run(t, up, "up", "--detach", "-o", "json", "--dir", dir, "--simulate", "2x8")
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Contains(t, stdout, `"2x8"`)
	code, _, stderr = clitest.Run(t, up, "up", "--detach", "--dir", dir, "--simulate", "3x8")
	require.Equal(t, cli.ExitFailed, code)
	require.Contains(t, stderr, "running already")
}

// shim starts a process that looks like the shim of this folder.
func shim(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "shim", folder)
	cmd.Env = append(os.Environ(), "AIM_TEST_SHIM=1")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// Only the shims below the folder are ended; their neighbours are not.
func TestEndLeftovers(t *testing.T) {
	dir := t.TempDir()
	ours := shim(t, filepath.Join(dir, "simulated", "n1", "node", "servers", "a"))
	other := shim(t, filepath.Join(dir, "simulated-too", "servers", "a"))
	ended := make(chan error, 1)
	go func() { ended <- ours.Wait() }() // or it would stay as a zombie, which has no command line
	require.NoError(t, endLeftovers(t.Context(), simulatedDir(dir)))
	require.ErrorContains(t, <-ended, "signal: terminated")
	require.NoError(t, other.Process.Signal(syscall.Signal(0)), "it still runs")
}

// What a killed stack has left behind is ended, by the pids it has noted. A pid
// that belongs to somebody else now is left alone.
func TestEndOrphans(t *testing.T) {
	dir := t.TempDir()
	ours, other := shim(t, filepath.Join(dir, "devserver")), shim(t, "/elsewhere")
	s := &stack{app: cli.New(cli.Streams{})}
	s.app.Settings.Dir = dir
	s.writePID("devserver", ours.Process.Pid)
	s.writePID("control", other.Process.Pid)
	s.writePID("hub", 1<<22) // gone
	ended := make(chan error, 1)
	go func() { ended <- ours.Wait() }()
	require.NoError(t, endOrphans(t.Context(), dir, 0))
	require.ErrorContains(t, <-ended, "signal: terminated")
	require.NoError(t, other.Process.Signal(syscall.Signal(0)), "it still runs")
}

func TestDevserverMustBeThere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := &stack{self: filepath.Join(t.TempDir(), "aim")}
	_, err := s.findDevserver()
	require.ErrorContains(t, err, "aim-devserver is neither beside")
	require.Equal(t, "make build", cli.NextOf(err))

	beside := filepath.Join(filepath.Dir(s.self), "aim-devserver")
	require.NoError(t, os.MkdirAll(filepath.Dir(s.self), 0o755))
	require.NoError(t, os.WriteFile(beside, []byte("#!/bin/sh\n"), 0o755))
	found, err := s.findDevserver()
	require.NoError(t, err)
	require.Equal(t, beside, found)
}

func TestPortOf(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:7233": "7233", "nats://127.0.0.1:4222": "4222", "http://[::1]:8233": "8233", "": "0", "nonsense": "0",
	} {
		require.Equal(t, want, portOf(address), address)
	}
}

func TestFreeAddress(t *testing.T) {
	taken, err := freeAddress("")
	require.NoError(t, err)
	again, err := freeAddress(taken)
	require.NoError(t, err)
	require.Equal(t, taken, again, "the preferred one, where it is free")
	any, err := freeAddress("127.0.0.1:0")
	require.NoError(t, err)
	require.False(t, strings.HasSuffix(any, ":0"), "it must be known")
}

func TestDescribeGPUs(t *testing.T) {
	fleet := clitest.Fleet(3)
	fleet.Nodes[0].GPUs[2].Health, fleet.Nodes[0].GPUs[2].HealthReason = "unhealthy", "2 errors"
	fleet.Nodes = append(fleet.Nodes, clitest.Fleet(0).Nodes[0])
	fleet.Nodes[1].ID, fleet.Nodes[1].Reason = "n2", "no amdgpu driver is loaded"
	require.Equal(t, "3 MI300X on n1, 2 free\n  GPU-12 () is unhealthy: 2 errors\nnone on n2: no amdgpu driver is loaded\n", describeGPUs(fleet, nil))
	require.Equal(t, "unknown: silence", describeGPUs(fleet, errTold("silence")))
}

type errTold string

func (e errTold) Error() string { return string(e) }

// A Ctrl-C stands unless real models serve; then it takes a second one, a
// SIGTERM, or --keep.
func TestWhenUpStops(t *testing.T) {
	models := func(names ...string) func(context.Context) []string {
		return func(context.Context) []string { return names }
	}
	for _, c := range []struct {
		name    string
		signals []os.Signal
		keep    bool
		serving func(context.Context) []string
		left    int // signals that were not needed
		said    string
	}{
		{"nothing serves", []os.Signal{os.Interrupt, os.Interrupt}, false, models(), 1, ""},
		{"told to", []os.Signal{syscall.SIGTERM, os.Interrupt}, false, models("q/0"), 1, ""},
		{"asked twice", []os.Signal{os.Interrupt, os.Interrupt, os.Interrupt}, false, models("q/0"), 1, "1 real model serves on this machine: q/0"},
		{"kept", []os.Signal{os.Interrupt, os.Interrupt}, true, models("q/0"), 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var said strings.Builder
			s := &stack{app: cli.New(cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &said})}
			interrupts := make(chan os.Signal, len(c.signals))
			for _, sig := range c.signals {
				interrupts <- sig
			}
			s.wait(t.Context(), interrupts, c.keep, c.serving)
			require.Len(t, interrupts, c.left)
			require.Contains(t, said.String(), c.said)
		})
	}
}

func TestDownWithoutStack(t *testing.T) {
	clitest.Alone(t)
	code, stdout, stderr := clitest.Run(t, []func(*cli.App) *cobra.Command{NewDown}, "down", "--dir", t.TempDir())
	require.Equal(t, cli.ExitDone, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "nothing runs in")
}

// TestDownAfterAKill: what a killed aim up has left running is ended, and told.
func TestDownAfterAKill(t *testing.T) {
	clitest.Alone(t)
	dir := t.TempDir()
	left := shim(t, filepath.Join(simulatedDir(dir), "n1", "servers", "left"))
	ended := make(chan error, 1)
	go func() { ended <- left.Wait() }()
	code, _, stderr := clitest.Run(t, []func(*cli.App) *cobra.Command{NewDown}, "down", "--dir", dir)
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Contains(t, stderr, "a killed aim up has left behind: 1 process")
	require.NotContains(t, stderr, "nothing runs")
	<-ended
}

// What a part of ours has said as its last is told as it was said: its sentence, its
// hint, its next command.
func TestInItsOwnWords(t *testing.T) {
	ended := errors.New("node-a did not become ready: it ended with exit status 1; the end of /x.log:\nlevel=WARN msg=no\n" +
		"aim: start error (runtime): Docker does not answer\nhint: start dockerd, or use --runtime process\nnext: aim doctor")
	err := inItsOwnWords("node-a", ended)
	require.EqualError(t, err, "node-a did not start: start error (runtime): Docker does not answer")
	var told *cli.Problem
	require.ErrorAs(t, err, &told)
	require.Equal(t, "start dockerd, or use --runtime process", told.Hint)
	require.Equal(t, "aim doctor", told.Next)
	require.EqualError(t, inItsOwnWords("nats", errors.New("no words")), "no words")
}
