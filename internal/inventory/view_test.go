package inventory

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/nats-io/nats-server/v2/server"
)

func TestUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // a port where nobody listens
	_, err = Connect(t.Context(), settings.NATS{URL: "nats://me:hunter2@" + addr}, "test", nil)
	if err == nil || !strings.Contains(err.Error(), "cannot reach NATS at nats://me:xxxxx@"+addr) ||
		!strings.Contains(err.Error(), "start it or set NATS_URL") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v", err)
	}
}

func TestRefusedCredentials(t *testing.T) {
	s := startServer(t, server.Options{Username: "me", Password: "right"})
	_, err := Connect(t.Context(), settings.NATS{URL: strings.Replace(urlOf(s), "nats://", "nats://me:wrong@", 1)}, "test", nil)
	if err == nil || !strings.Contains(err.Error(), "refuses the credentials") || strings.Contains(err.Error(), "wrong@") {
		t.Errorf("error = %v", err)
	}
}

func TestReservedAndBadNodeIDs(t *testing.T) {
	conn := connect(t, urlOf(startServer(t, server.Options{})), "test")
	for _, id := range []string{"control", "", "a.b", "Upper", "a b", "*"} {
		if _, err := NewPublisher(conn, id, 1, PublisherOptions{}); err == nil {
			t.Errorf("node id %q was taken", id)
		}
	}
}

func TestContentTravels(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	v := startView(t, url, ViewOptions{})
	n := startNode(t, url, "n1", 5, PublisherOptions{})
	eventually(t, v, "n1 is seen", is("n1", aim.Alive))
	if err := n.Publish(aim.Node{Host: "host-n1", Version: "1"}); err != nil || n.Revision() != 1 {
		t.Errorf("publishing the same again: revision %d, %v", n.Revision(), err)
	}
	if err := n.Publish(aim.Node{Host: "host-n1", Version: "1", Cordon: "upgrade"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, v, "the cordon is seen", func(f aim.Fleet) bool {
		got, _ := f.Find("n1")
		return got.Cordon == "upgrade" && got.Revision == 2 && got.Epoch == 5
	})
}

func TestControlThatStartsLateSeesEverybody(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	for _, id := range []string{"n1", "n2", "n3"} {
		startNode(t, url, id, 1, PublisherOptions{})
	}
	v := startView(t, url, ViewOptions{})
	select {
	case <-v.Settled():
	case <-time.After(20 * time.Second):
		t.Fatal("the view never settled")
	}
	if f := v.Fleet(); len(f.Nodes) != 3 {
		t.Errorf("settled with %s", summary(f))
	}
}

func TestChangesAreCoalescedAndPickedUp(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	v := startView(t, url, ViewOptions{})
	n := startNode(t, url, "n1", 1, PublisherOptions{})
	startNode(t, url, "n2", 1, PublisherOptions{})
	eventually(t, v, "both are seen", func(f aim.Fleet) bool { return len(f.Nodes) == 2 })
	mark := v.Since(0).Mark
	if c := v.Since(mark); len(c.Nodes)+len(c.Removed) != 0 {
		t.Errorf("beats alone are changes: %+v", c)
	}
	for _, version := range []string{"2", "3", "4"} {
		if err := n.Publish(aim.Node{Host: "host-n1", Version: version}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, v, "version 4", func(f aim.Fleet) bool { got, _ := f.Find("n1"); return got.Version == "4" })
	if c := v.Since(mark); len(c.Nodes) != 1 || c.Nodes[0].Version != "4" {
		t.Errorf("changes since the mark: %+v", c)
	}
}

// TestAKilledAgentIsKnownAtOnce: the connection ends without a goodbye, and the
// server says so long before three beats are missed.
func TestAKilledAgentIsKnownAtOnce(t *testing.T) {
	url := strings.Replace(urlOf(exportingServer(t)), "nats://", "nats://aim:secret@", 1)
	v := startView(t, url, ViewOptions{Probe: answer})
	n := startSlowNode(t, v, url)
	if err := n.Publish(aim.Node{Host: "h", Endpoints: []aim.Endpoint{{URL: "http://n1", Healthy: true}}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, v, "n1 is seen", func(f aim.Fleet) bool { got, _ := f.Find("n1"); return got.Host == "h" })
	start := time.Now()
	n.conn.Close()
	eventually(t, v, "n1 is away", is("n1", aim.Away))
	if took := time.Since(start); took > 5*time.Second || n.interval() != 10*time.Second {
		t.Errorf("known only after %s at a beat of %s", took, n.interval())
	}
}

// startSlowNode starts n1 with a beat so slow that three missed ones take half a
// minute: whatever is known of it sooner was not learnt from its silence.
// Control has told its rate by then and does so again after 10 s only.
func startSlowNode(t *testing.T, v *View, url string) testNode {
	t.Helper()
	select {
	case <-v.Settled():
	case <-time.After(20 * time.Second):
		t.Fatal("the view never settled")
	}
	n := startNode(t, url, "n1", 1, PublisherOptions{Beat: 10 * time.Second})
	eventually(t, v, "n1 is seen", is("n1", aim.Alive))
	return n
}

func TestACleanStopIsAnnounced(t *testing.T) {
	url := urlOf(startServer(t, server.Options{})) // no disconnect events here
	v := startView(t, url, ViewOptions{})
	n := startSlowNode(t, v, url)
	n.run.end(t)
	eventually(t, v, "n1 is away", is("n1", aim.Away))
	if verdict, _ := v.Verdict("n1"); !strings.Contains(verdict.Reason, "agent was stopped") {
		t.Errorf("verdict = %+v", verdict)
	}
	startNode(t, url, "n1", 2, PublisherOptions{})
	eventually(t, v, "the next start is seen", func(f aim.Fleet) bool {
		got, _ := f.Find("n1")
		return got.Liveness == aim.Alive && got.Epoch == 2
	})
}

func TestALostNodeAndItsReturn(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	v := startView(t, url, ViewOptions{Probe: refuse})
	n := startNode(t, url, "n1", 1, PublisherOptions{})
	if err := n.Publish(aim.Node{Host: "h", Endpoints: []aim.Endpoint{{URL: "http://n1", Healthy: true}}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, v, "n1 is seen", func(f aim.Fleet) bool { got, _ := f.Find("n1"); return got.Host == "h" })
	n.conn.Close()
	eventually(t, v, "n1 is lost", is("n1", aim.Lost))
	if held, why := v.Held(); held {
		t.Errorf("the loss of one node is held back: %s", why)
	}
	startNode(t, url, "n1", 2, PublisherOptions{})
	eventually(t, v, "n1 is back", is("n1", aim.Alive))
}

func TestTwoAgentsWithOneIDOnTheWire(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	v := startView(t, url, ViewOptions{})
	startNode(t, url, "n1", 1, PublisherOptions{})
	other := startNode(t, url, "n1", 2, PublisherOptions{})
	if err := other.Publish(aim.Node{Host: "host-other"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, v, "the id is refused by both hosts' names", func(f aim.Fleet) bool {
		got, _ := f.Find("n1")
		return strings.Contains(got.Cordon, "host-n1") && strings.Contains(got.Cordon, "host-other")
	})
}

func TestRubbishOnTheWire(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	v := startView(t, url, ViewOptions{})
	conn := connect(t, url, "rubbish")
	for _, subject := range []string{beatSubject("n1"), beatSubject(controlID), snapshotSubject("n1"), rateSubject, callSubject, "aim.v1.hb.UPPER", "aim.v1.inv.x y"} {
		for _, data := range []string{"", "x", strings.Repeat("\xff", 48), `{"version":1,"node":{"id":"n9"}}`, `{"beat_ms":-5}`} {
			if err := conn.publish(subject, []byte(data)); err != nil && !strings.Contains(err.Error(), "invalid subject") {
				t.Fatal(err)
			}
		}
	}
	startNode(t, url, "n1", 1, PublisherOptions{})
	eventually(t, v, "n1 is seen all the same", is("n1", aim.Alive))
	if f := v.Fleet(); len(f.Nodes) != 1 {
		t.Errorf("rubbish made nodes: %s", summary(f))
	}
}

func TestControlSetsTheRate(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	n := startNode(t, url, "n1", 1, PublisherOptions{Beat: 5 * time.Second})
	v := startView(t, url, ViewOptions{}) // says 250 ms, as the fleet is small
	eventually(t, v, "n1 is seen", is("n1", aim.Alive))
	for deadline := time.Now().Add(15 * time.Second); n.interval() != DefaultBeat; {
		if time.Now().After(deadline) {
			t.Fatalf("still beats every %s", n.interval())
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestRatesThatMakeNoSense(t *testing.T) {
	n := startNode(t, urlOf(startServer(t, server.Options{})), "n1", 1, PublisherOptions{})
	for data, want := range map[string]time.Duration{
		`{"version":1,"beat_ms":1}`: minBeat, `{"version":1,"beat_ms":99999999999999}`: maxBeat,
	} {
		n.setRate([]byte(data))
		if got := n.interval(); got != want {
			t.Errorf("rate %s gives %s, want %s", data, got, want)
		}
	}
	for _, data := range []string{`{"version":1,"beat_ms":0}`, `{"beat_ms":-7}`, `no`, ``} {
		was := n.interval()
		n.setRate([]byte(data))
		if got := n.interval(); got != was {
			t.Errorf("rate %q gives %s", data, got)
		}
	}
}

// Only the server that was proved is a sign of life, not whoever answers on its port.
func TestHTTPProbe(t *testing.T) {
	for name, c := range map[string]struct {
		status        int
		backend, body string
		there         bool
	}{
		"its model":                    {200, "vllm", `{"data":[{"id":"other"},{"id":"m"}]}`, true},
		"its model, and an error":      {500, "vllm", `{"data":[{"id":"m"}]}`, true},
		"it wants its key":             {401, "vllm", `{"error":"Unauthorized"}`, true},
		"TGI":                          {200, "tgi", `{"model_id":"/weights/m"}`, true},
		"another model":                {200, "vllm", `{"data":[{"id":"other"}]}`, false},
		"a stranger":                   {200, "vllm", `hello`, false},
		"a stranger that says healthy": {200, "vllm", `{"healthy": true}`, false},
		"a proxy":                      {502, "vllm", `<html>bad gateway</html>`, false},
		"a stranger for TGI":           {200, "tgi", `{}`, false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}))
		err := HTTPProbe(t.Context(), aim.Endpoint{URL: s.URL + "/", Model: "m", Backend: c.backend})
		if (err == nil) != c.there {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
		if err := HTTPProbe(t.Context(), aim.Endpoint{URL: s.URL, Model: "m"}); err == nil {
			t.Error("a closed port answered")
		}
	}
	if err := HTTPProbe(t.Context(), aim.Endpoint{URL: "::"}); err == nil {
		t.Error("no URL at all answered")
	}
}

func TestOneEndpointThatAnswersIsEnough(t *testing.T) {
	all := []aim.Endpoint{{URL: "a"}, {URL: "b"}, {URL: "c"}}
	for answering, want := range map[string]bool{"c": true, "a": true, "none": false} {
		got := anyAnswers(t.Context(), all, func(_ context.Context, e aim.Endpoint) error {
			if e.URL == answering {
				return nil
			}
			return errors.New("refused")
		})
		if got != want {
			t.Errorf("with %s answering: %v", answering, got)
		}
	}
}

func TestControlCutOffHoldsReplacements(t *testing.T) {
	s := startServer(t, server.Options{})
	v := startView(t, urlOf(s), ViewOptions{Probe: refuse})
	startNode(t, urlOf(s), "n1", 1, PublisherOptions{})
	eventually(t, v, "n1 is seen", is("n1", aim.Alive))
	v.Expect(aim.Node{ID: "n9", Endpoints: []aim.Endpoint{{URL: "http://n9", Healthy: true}}})
	eventually(t, v, "n9, never heard, is lost", is("n9", aim.Lost))
	s.Shutdown()
	s.WaitForShutdown()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		if held, why := v.Held(); held {
			if !strings.Contains(why, "has not heard itself") {
				t.Errorf("held because %s", why)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("control without NATS holds nothing back")
		}
	}
	if verdict, ok := v.Verdict("n1"); !ok || verdict.Liveness != aim.Alive {
		t.Errorf("n1 is judged by a control that hears nobody: %+v", verdict)
	}
	if _, ok := v.Verdict("n5"); ok {
		t.Error("a verdict on a node that nobody has heard of")
	}
}
