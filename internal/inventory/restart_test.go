package inventory

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats-server/v2/server"
)

// herd starts nodes n0, n1, ... and waits until the view has seen them all.
func herd(t testing.TB, v *View, url string, nodes int, beat time.Duration) {
	t.Helper()
	var starting sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range nodes {
		slots <- struct{}{}
		starting.Go(func() {
			defer func() { <-slots }()
			startNode(t, url, fmt.Sprintf("n%d", i), 1, PublisherOptions{Beat: beat})
		})
	}
	starting.Wait()
	eventually(t, v, "all are seen", func(f aim.Fleet) bool { return len(f.Nodes) == nodes })
}

// restartServer crashes the server and starts another at its place; the time is
// that from there until every node has been heard anew.
func restartServer(t testing.TB, v *View, s *server.Server, nodes int, meanwhile func()) (*server.Server, time.Duration) {
	t.Helper()
	opts := server.Options{Port: portOf(s)}
	s.Shutdown()
	s.WaitForShutdown()
	meanwhile()
	next := startServer(t, opts)
	start := time.Now()
	for deadline := start.Add(30 * time.Second); ; <-time.After(5 * time.Millisecond) {
		heard := 0
		v.mu.Lock()
		for _, p := range v.t.peers {
			if p.heard.After(start) {
				heard++
			}
		}
		v.mu.Unlock()
		if heard == nodes {
			return next, time.Since(start)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d nodes are back after 30 s", heard, nodes)
		}
	}
}

// TestAServerRestart: everybody is back soon, nobody was ever thought lost, and
// what changed meanwhile is known.
func TestAServerRestart(t *testing.T) {
	const nodes = 500 // the benchmark below has 2,000
	s := startServer(t, server.Options{})
	v := startView(t, urlOf(s), ViewOptions{})
	herd(t, v, urlOf(s), nodes, DefaultBeat)
	changing := startNode(t, urlOf(s), "changing", 1, PublisherOptions{})
	eventually(t, v, "one more is seen", is("changing", aim.Alive))
	_, took := restartServer(t, v, s, nodes+1, func() {
		if err := changing.Publish(aim.Node{Host: "changed"}); err != nil {
			t.Errorf("publishing while NATS is down: %v", err)
		}
	})
	t.Logf("%d nodes are back after %s", nodes, took)
	if took > 10*time.Second { // under a second on a quiet machine; see the benchmark
		t.Errorf("the last node was back after %s", took)
	}
	for _, n := range v.Fleet().Nodes {
		if n.Liveness == aim.Lost {
			t.Errorf("%s is lost although it only reconnected", n.ID)
		}
	}
	eventually(t, v, "all are alive and the change is known", func(f aim.Fleet) bool {
		if n, _ := f.Find("changing"); n.Host != "changed" {
			return false
		}
		for _, n := range f.Nodes {
			if n.Liveness != aim.Alive {
				return false
			}
		}
		return true
	})
}

// BenchmarkServerRestart has 2,000 nodes in one process with the server and
// control; the goal is 2 s until all are back. Needs 10,000 open files.
func BenchmarkServerRestart(b *testing.B) {
	const nodes = 2000
	s := startServer(b, server.Options{})
	v := startView(b, urlOf(s), ViewOptions{})
	herd(b, v, urlOf(s), nodes, time.Second)
	var total time.Duration
	for range b.N {
		var took time.Duration
		s, took = restartServer(b, v, s, nodes, func() {})
		total += took
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "ms/restart")
}

// BenchmarkBeat is what one beat costs control, apart from NATS.
func BenchmarkBeat(b *testing.B) {
	const nodes = 10_000
	now := time.Unix(0, 0)
	tr := newTracker(now)
	ids := make([]string, nodes)
	for i := range ids {
		ids[i] = fmt.Sprintf("n%d", i)
		tr.snapshot(Snapshot{Seq: 1, Digest: 1, Node: aim.Node{ID: ids[i], Epoch: 1, Revision: 1}}, now)
	}
	seq := uint64(1)
	i := 0
	for b.Loop() {
		if i++; i == nodes {
			i, seq = 0, seq+1
		}
		data := Beat{Epoch: 1, Seq: seq + 1, Revision: 1, Digest: 1, Interval: time.Second}.encode()
		beat, err := decodeBeat(data)
		if err != nil {
			b.Fatal(err)
		}
		tr.beat(ids[i], beat, now)
	}
}

// BenchmarkTick is one look at 10,000 nodes, due every 50 ms.
func BenchmarkTick(b *testing.B) {
	now := time.Unix(0, 0)
	tr := newTracker(now)
	for i := range 10_000 {
		tr.snapshot(Snapshot{Seq: 1, Node: aim.Node{ID: fmt.Sprintf("n%d", i), Epoch: 1, Revision: 1}}, now)
	}
	for b.Loop() {
		tr.tick(now)
	}
}
