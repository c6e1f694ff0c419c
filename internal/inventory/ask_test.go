package inventory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/aim-engine/aim"
)

// Questions of programs; this package passes any on.
const (
	questionLogs     = "logs"
	questionDescribe = "describe"
	questionPlan     = "plan"
)

// asked starts a node with this answer and a connection to ask from.
func asked(t *testing.T, f Answer, redact func([]byte) []byte) *Conn {
	t.Helper()
	url := urlOf(startServer(t, server.Options{}))
	startNode(t, url, "n1", 1, PublisherOptions{Answer: f, Redact: redact})
	return connect(t, url, "aim-cli")
}

func read(t *testing.T, conn *Conn, question, payload string) ([]byte, error) {
	t.Helper()
	r := open(t, conn, question, payload)
	defer r.Close()
	return io.ReadAll(r)
}

func open(t *testing.T, conn *Conn, question, payload string) io.ReadCloser {
	t.Helper()
	r, err := Ask(t.Context(), conn, "n1", question, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnswers(t *testing.T) {
	conn := asked(t, func(_ context.Context, question string, payload []byte, write func([]byte) error) error {
		return errors.Join(write([]byte(question+": ")), write(nil), write(payload))
	}, nil)
	got, err := read(t, conn, questionDescribe, "everything")
	if err != nil || string(got) != "describe: everything" {
		t.Errorf("answer = %q, %v", got, err)
	}
}

func TestTheSnapshotIsAnswered(t *testing.T) {
	conn := asked(t, nil, nil)
	got, err := read(t, conn, QuestionSnapshot, "")
	if err != nil || !bytes.Contains(got, []byte(`"id":"n1"`)) {
		t.Errorf("answer = %q, %v", got, err)
	}
	if _, err := read(t, conn, questionLogs, ""); aim.FailureOf(err).Class != aim.ClassInput {
		t.Errorf("a question without an Answer: %v", err)
	}
}

func TestALargeAnswerArrivesWhole(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 5<<20+13)
	_, _ = rng.Read(data) // never fails
	conn := asked(t, func(_ context.Context, _ string, _ []byte, write func([]byte) error) error {
		return write(data)
	}, nil)
	got, err := read(t, conn, questionLogs, "")
	if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
		t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
	}
}

func TestFailuresReachTheAsker(t *testing.T) {
	conn := asked(t, func(_ context.Context, _ string, _ []byte, write func([]byte) error) error {
		return errors.Join(write([]byte("first\n")), aim.Failf(aim.ClassMissing, "no server of %q here", "qwen").WithHint("aim ps"))
	}, nil)
	got, err := read(t, conn, questionLogs, "")
	f := aim.FailureOf(err)
	if string(got) != "first\n" || f == nil || f.Class != aim.ClassMissing || f.Hint != "aim ps" {
		t.Errorf("answer = %q, %+v", got, f)
	}
}

func TestNobodyThere(t *testing.T) {
	conn := connect(t, urlOf(startServer(t, server.Options{})), "aim-cli")
	start := time.Now()
	_, err := Ask(t.Context(), conn, "n7", questionLogs, nil)
	if f := aim.FailureOf(err); f == nil || f.Class != aim.ClassNodeLost || !strings.Contains(f.Why, "n7") {
		t.Errorf("error = %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s to find out that nobody listens", took)
	}
}

// TestASlowReaderHoldsTheWriterBack: no more than the window is under way.
func TestASlowReaderHoldsTheWriterBack(t *testing.T) {
	var written atomic.Int64
	piece := make([]byte, maxPiece)
	full := make(chan struct{}, 1000)
	conn := asked(t, func(_ context.Context, _ string, _ []byte, write func([]byte) error) error {
		for range 100 {
			full <- struct{}{}
			if err := write(piece); err != nil {
				return err
			}
			written.Add(1)
		}
		return nil
	}, nil)
	r := open(t, conn, questionLogs, "")
	defer r.Close()
	for range window + 1 { // pieces begun: as many as fit, and the one that waits
		<-full
	}
	select {
	case <-full:
		t.Errorf("the writer went on with nothing read")
	case <-time.After(300 * time.Millisecond):
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n != 100*maxPiece || written.Load() != 100 {
		t.Errorf("read %d bytes, written %d pieces, %v", n, written.Load(), err)
	}
}

// TestAnAskerWhoLeavesEndsTheAnswer, by closing and by losing its connection.
func TestAnAskerWhoLeavesEndsTheAnswer(t *testing.T) {
	for name, leave := range map[string]func(*Conn, io.ReadCloser){
		"close":      func(_ *Conn, r io.ReadCloser) { r.Close() },
		"disconnect": func(c *Conn, _ io.ReadCloser) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 10)
			conn := asked(t, func(ctx context.Context, _ string, _ []byte, write func([]byte) error) error {
				for ctx.Err() == nil {
					if err := write([]byte("line\n")); err != nil {
						ended <- err
						return err
					}
				}
				ended <- context.Cause(ctx)
				return nil
			}, nil)
			r := open(t, conn, questionLogs, "")
			if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			leave(conn, r)
			select {
			case err := <-ended:
				if !errors.Is(err, errAskerGone) {
					t.Errorf("ended with %v", err)
				}
			case <-time.After(20 * time.Second): // the window may be full: then the next empty piece finds out
				t.Fatal("the answer goes on for nobody")
			}
		})
	}
}

// TestAQuietAnswerIsNotGivenUp: a log that is followed says nothing for hours.
func TestAQuietAnswerIsNotGivenUp(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	n := startNode(t, url, "n1", 1, PublisherOptions{Answer: func(_ context.Context, _ string, _ []byte, write func([]byte) error) error {
		<-time.After(7 * time.Second)
		return write([]byte("at last"))
	}})
	n.answers.quiet = 20 * time.Millisecond
	r := open(t, connect(t, url, "aim-cli"), questionLogs, "")
	defer r.Close()
	r.(*reader).gone = 5 * time.Second // a busy machine may stand still for a second or two
	if got, err := io.ReadAll(r); err != nil || string(got) != "at last" {
		t.Errorf("answer = %q, %v", got, err)
	}
}

func TestAnAnswererThatDiesIsGivenUp(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	n := startNode(t, url, "n1", 1, PublisherOptions{Answer: func(ctx context.Context, _ string, _ []byte, _ func([]byte) error) error {
		<-ctx.Done()
		return nil
	}})
	r := open(t, connect(t, url, "aim-cli"), questionLogs, "")
	defer r.Close()
	r.(*reader).gone = 300 * time.Millisecond
	n.conn.Close()
	if _, err := io.ReadAll(r); aim.FailureOf(err).Class != aim.ClassNodeLost || !strings.Contains(err.Error(), "n1 stopped answering") {
		t.Errorf("error = %v", err)
	}
}

func TestTooManyQuestionsAtATime(t *testing.T) {
	conn := asked(t, func(ctx context.Context, _ string, _ []byte, _ func([]byte) error) error {
		<-ctx.Done()
		return nil
	}, nil)
	for range maxAnswers {
		r := open(t, conn, questionLogs, "")
		defer r.Close()
	}
	if _, err := read(t, conn, questionLogs, ""); err == nil || !strings.Contains(err.Error(), "being answered already") {
		t.Errorf("one question too many: %v", err)
	}
}

func TestAnAgentThatStopsEndsItsAnswers(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	n := startNode(t, url, "n1", 1, PublisherOptions{Answer: func(ctx context.Context, _ string, _ []byte, write func([]byte) error) error {
		err := write([]byte("following\n"))
		<-ctx.Done()
		return err
	}})
	conn := connect(t, url, "aim-cli")
	r := open(t, conn, questionLogs, "")
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	n.run.end(t)
	n.conn.Close()
	if _, err := io.ReadAll(r); aim.FailureOf(err) == nil || aim.FailureOf(err).Class != aim.ClassCancelled {
		t.Errorf("the end of the agent looks like %v", err)
	}
}

// TestSecretsDoNotLeave, wherever the pieces are cut.
func TestSecretsDoNotLeave(t *testing.T) {
	redact := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("hunter2"), []byte("***")) }
	text := "key=hunter2\nplain\nlast hunter2"
	for cut := range len(text) {
		var out bytes.Buffer
		l := &lineWriter{redact: redact, write: func(b []byte) error { out.Write(b); return nil }}
		if err := errors.Join(l.Write([]byte(text[:cut])), l.Write([]byte(text[cut:])), l.flush()); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != "key=***\nplain\nlast ***" {
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
	conn := asked(t, func(_ context.Context, _ string, _ []byte, write func([]byte) error) error {
		return errors.Join(write([]byte("hun")), write([]byte("ter2\n")))
	}, redact)
	if got, err := read(t, conn, questionLogs, ""); err != nil || string(got) != "***\n" {
		t.Errorf("answer = %q, %v", got, err)
	}
}

func TestFailuresThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"{", "null", `{"class":""}`, "x"} {
		var f *aim.Failure
		if err := ending(text); !errors.As(err, &f) || f.Class != aim.ClassInternal {
			t.Errorf("ending(%q) = %v", text, err)
		}
	}
	if err := ending(""); err != io.EOF {
		t.Errorf("ending without failure = %v", err)
	}
}

func TestTheFleetFromControl(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	v := startView(t, url, ViewOptions{})
	startNode(t, url, "n1", 1, PublisherOptions{})
	startNode(t, url, "n2", 1, PublisherOptions{})
	eventually(t, v, "both are seen", func(f aim.Fleet) bool { return len(f.Nodes) == 2 })
	a, err := AskFleet(t.Context(), connect(t, url, "aim-cli"))
	if err != nil || a.Note != "" || len(a.Fleet.Nodes) != 2 || a.Fleet.Nodes[1].Liveness != aim.Alive {
		t.Errorf("answer = %+v, %v", a, err)
	}
}

func TestTheFleetWithoutControl(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	conn := connect(t, url, "aim-cli")
	a, err := AskFleet(t.Context(), conn)
	if err != nil || len(a.Fleet.Nodes) != 0 || a.Note == "" {
		t.Errorf("of nobody: %+v, %v", a, err)
	}
	startNode(t, url, "n2", 1, PublisherOptions{})
	startNode(t, url, "n1", 1, PublisherOptions{})
	for deadline := time.Now().Add(20 * time.Second); len(a.Fleet.Nodes) < 2; {
		if time.Now().After(deadline) {
			t.Fatalf("answer = %+v", a)
		}
		if a, err = AskFleet(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	if a.Fleet.Nodes[0].ID != "n1" || !strings.Contains(a.Note, "control did not answer") || !strings.Contains(a.Note, "2 nodes") {
		t.Errorf("answer = %+v", a)
	}
}

func TestAskingWithoutAConnection(t *testing.T) {
	conn := connect(t, urlOf(startServer(t, server.Options{})), "aim-cli")
	conn.Close()
	if _, err := AskFleet(t.Context(), conn); err == nil {
		t.Error("the fleet was found without NATS")
	}
	if _, err := Ask(t.Context(), conn, "n1", questionLogs, nil); err == nil {
		t.Error("a node was asked without NATS")
	}
}
