package inventory

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats-server/v2/server"
)

// written is a log that may be read while it is written.
type written struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func TestAKindOfLogLineIsLimitedAndWhatWasHiddenIsCounted(t *testing.T) {
	var out written
	now := time.Unix(0, 0)
	log := quietLog(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	for n := range 1000 {
		log.Warn("not understood", "n", n)
	}
	log.Warn("another kind", "n", 0)
	if got := strings.Count(out.String(), "\n"); got != logAtMost+1 {
		t.Fatalf("%d lines: %s", got, out.String())
	}
	if !strings.Contains(out.String(), "counted, not shown") {
		t.Errorf("nothing says that lines are hidden: %s", out.String())
	}
	now = now.Add(logSpan)
	log.Warn("not understood", "n", 1000)
	if want := fmt.Sprintf("hidden_before=%d", 1000-logAtMost); !strings.Contains(out.String(), want) {
		t.Errorf("no %s in %s", want, out.String())
	}
}

// Whatever anybody publishes: the log stays short and printable, the fleet is
// seen, and a node does not answer every shout.
func TestGarbageOnEverySubjectWritesAFewPrintableLines(t *testing.T) {
	s := startServer(t, server.Options{})
	var out written
	log := slog.New(slog.NewTextHandler(&out, nil))
	v := NewView(connect(t, urlOf(s), "view"), ViewOptions{Log: log})
	run(t, v.Run)
	p, err := NewPublisher(connect(t, urlOf(s), NodeName("n1")), "n1", 1, PublisherOptions{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(aim.Node{Host: "h1"}); err != nil {
		t.Fatal(err)
	}
	run(t, p.Run)

	shouter := connect(t, urlOf(s), "shouter")
	garbage := []byte("\x1b[2J\x1b]0;owned\a" + strings.Repeat("{\"node\":", 20_000))
	for n := range 45_000 {
		data := garbage[:20+n%200]
		switch n % 6 {
		case 0:
			data = nil
		case 1:
			if n%600 == 1 {
				data = garbage // 160 KB
			}
		}
		subject := []string{
			beatSubject("n1"), snapshotSubject("n1"), snapshotSubject("\x1b[31mx"), rateSubject, callSubject,
			askSubject("n1", QuestionSnapshot), snapshotSubject("n2"), fleetSubject,
		}[n%8]
		if err := shouter.publish(subject, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := shouter.nc.FlushTimeout(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, v, "the node is seen", func(f aim.Fleet) bool {
		n, ok := f.Find("n1")
		return ok && n.Host == "h1" && n.Liveness == aim.Alive
	})
	text := out.String()
	if lines := strings.Count(text, "\n"); lines == 0 || lines > 40 || len(text) > 40*1000 {
		t.Errorf("%d lines, %d bytes of log", lines, len(text))
	}
	if strings.ContainsAny(text, "\x1b\a") {
		t.Errorf("a control character is in the log: %q", text[:min(len(text), 500)])
	}
	p.mu.Lock()
	said := p.seq
	p.mu.Unlock()
	if said > 2000 {
		t.Errorf("the node has sent %d messages because of 45,000", said)
	}
}
