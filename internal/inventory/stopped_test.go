package inventory

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/nats-io/nats-server/v2/server"
)

// controlURL makes the test binary a control that prints "<node> <liveness>" for
// every change: see TestMain.
const controlURL = "AIM_INVENTORY_TEST_CONTROL"

func TestMain(m *testing.M) {
	if url := os.Getenv(controlURL); url != "" {
		if err := printChanges(context.Background(), url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// printChanges runs until it is killed. Probes of endpoints fail, so a node that
// is thought silent for a second is lost.
func printChanges(ctx context.Context, url string) error {
	conn, err := Connect(ctx, settings.NATS{URL: url}, "aim-control/stopped", nil)
	if err != nil {
		return err
	}
	v := NewView(conn, ViewOptions{Probe: refuse})
	ended := make(chan error, 1)
	go func() { ended <- v.Run(ctx) }()
	changed, stop := v.Changes()
	defer stop()
	mark := uint64(0)
	for {
		select {
		case err := <-ended:
			return errors.Join(err, errors.New("the view ended"))
		case <-changed:
		}
		c := v.Since(mark)
		mark = c.Mark
		for _, n := range c.Nodes {
			fmt.Println(n.ID, n.Liveness)
		}
	}
}

// control is another process with a view.
type control struct {
	cmd   *exec.Cmd
	lines chan string
	seen  []string
}

func startControl(t *testing.T, url string) *control {
	t.Helper()
	c := &control{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000)}
	c.cmd.Env = append(os.Environ(), controlURL+"="+url)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended already
		_ = c.cmd.Wait()
	})
	return c
}

// until reads changes until this one.
func (c *control) until(t *testing.T, line string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case got, ok := <-c.lines:
			if !ok {
				t.Fatalf("control ended; it had said %q", c.seen)
			}
			c.seen = append(c.seen, got)
			if got == line {
				return
			}
		case <-deadline:
			t.Fatalf("control has not said %q after 20 s, but %q", line, c.seen)
		}
	}
}

func (c *control) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestAControlThatIsStoppedForFiveSeconds, as by a debugger or a virtual machine
// that is moved: when it goes on, nobody is taken for lost because of the time
// it missed, and who died in that time is not alive for long.
func TestAControlThatIsStoppedForFiveSeconds(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	c := startControl(t, url)
	var dying testNode
	for _, id := range []string{"n1", "n2", "dying"} {
		n := startNode(t, url, id, 1, PublisherOptions{})
		if err := n.Publish(aim.Node{Host: "h", Endpoints: []aim.Endpoint{{URL: "http://" + id, Healthy: true}}}); err != nil {
			t.Fatal(err)
		}
		dying = n
		c.until(t, id+" alive")
	}
	c.signal(t, syscall.SIGSTOP)
	<-time.After(time.Second)
	dying.conn.Close()
	<-time.After(4 * time.Second)
	c.signal(t, syscall.SIGCONT)
	start := time.Now()
	c.until(t, "dying lost")
	t.Logf("known to be lost %s after control went on", time.Since(start))
	for _, line := range c.seen {
		if strings.HasSuffix(line, "lost") && line != "dying lost" {
			t.Errorf("falsely judged: %q", c.seen)
		}
	}
}
