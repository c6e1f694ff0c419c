package inventory

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats-server/v2/server"
)

func eventuallyListed(t *testing.T, p *Processes, want ...aim.Process) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !reflect.DeepEqual(p.List(), want) && !(len(p.List()) == 0 && len(want) == 0) {
		if time.Now().After(deadline) {
			t.Fatalf("processes are %v, want %v", p.List(), want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Whoever listens hears of those that ran before, of those that start, and of those
// that end, whatever they are called.
func TestProcessesAreHeard(t *testing.T) {
	s := startServer(t, server.Options{})
	announce := func(p aim.Process) *running {
		conn := connect(t, urlOf(s), "x")
		return run(t, func(ctx context.Context) error { return Announce(ctx, conn, p) })
	}
	gateway := aim.Process{Kind: aim.GatewayProcess, ID: "host.example/0.0.0.0:8000 > *", Metrics: "10.0.0.1:9472"}
	node := aim.Process{Kind: aim.NodeProcess, ID: "n1", Metrics: "10.0.0.2:9471", BootID: "b"}
	early := announce(gateway)
	var p Processes
	conn := connect(t, urlOf(s), "c")
	run(t, func(ctx context.Context) error { return p.Run(ctx, conn) })
	eventuallyListed(t, &p, gateway)
	announce(node)
	eventuallyListed(t, &p, gateway, node)
	early.end(t)
	eventuallyListed(t, &p, node)
}

func TestProcessesAreForgottenAndForged(t *testing.T) {
	now := time.Unix(1, 0)
	p := Processes{now: func() time.Time { return now }}
	subject := processPrefix + "node." + token("n1")
	p.hear(subject, []byte(`{"kind":"node","id":"n1"}`))
	for _, bad := range []string{`{`, `{"kind":"node","id":""}`, `{"kind":"node","id":"n2"}`, fmt.Sprintf(`{"kind":"node","id":"n1","metrics":"%05000d"}`, 1)} {
		p.hear(subject, []byte(bad))
	}
	if got := p.List(); len(got) != 1 || got[0].ID != "n1" || got[0].Metrics != "" {
		t.Errorf("processes are %v", got)
	}
	now = now.Add(presentFor + time.Second)
	if got := p.List(); len(got) != 0 {
		t.Errorf("%v are not forgotten", got)
	}
}
