package inventory

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats-server/v2/server"
)

func f64(v float64) *float64 { return &v }

// busyNode has that many servers and GPUs, with the largest numbers that can be told
// or with usual ones.
func busyNode(servers, gpus int, huge bool) (aim.Node, aim.LiveNode) {
	n := aim.Node{ID: "n1"}
	live := aim.LiveNode{Servers: map[string]aim.Live{}, GPUs: map[string]aim.LiveGPU{}}
	for i := range servers {
		c := aim.Claim{Identity: aim.Identity{Deployment: "d", UID: "0123456789abcdef", Ordinal: i, Attempt: 1, Token: fmt.Sprint(i)}}
		n.Claims = append(n.Claims, c)
		l := aim.Live{AgeMillis: 1500, Running: f64(3), Waiting: f64(0), TokensOut: f64(1234.5), KVUse: f64(0.25), FirstP95: f64(0.12), Preemptions: f64(0)}
		if huge {
			l = aim.Live{AgeMillis: math.MaxInt64}
			for _, f := range serverFields {
				*f.of(&l) = f64(1e30)
			}
		}
		live.Servers[c.Server()] = l
	}
	for i := range gpus {
		g := aim.GPU{ID: fmt.Sprintf("GPU-%016x", i)}
		n.GPUs = append(n.GPUs, g)
		l := aim.LiveGPU{Busy: f64(0.5), PowerW: f64(700), VRAMBytes: f64(100 << 30)}
		if huge {
			for _, f := range gpuFields {
				*f.of(&l) = f64(1e30)
			}
		}
		live.GPUs[g.ID] = l
	}
	return n, live
}

func TestLiveNumbersTravel(t *testing.T) {
	node, live := busyNode(8, 8, false)
	got, err := decodeLive(encodeLive(live), node)
	if err != nil || !reflect.DeepEqual(got, live) {
		t.Errorf("%v\n%+v\nwant\n%+v", err, got, live)
	}
	// Of a node that is known with less, the rest is passed over.
	node.Claims, node.GPUs = node.Claims[:1], nil
	if got, err := decodeLive(encodeLive(live), node); err != nil || len(got.Servers) != 1 || len(got.GPUs) != 0 {
		t.Errorf("%v %+v", err, got)
	}
}

// Whatever the numbers are, a server costs at most 100 bytes and a GPU 20.
func TestLiveNumbersAreSmall(t *testing.T) {
	_, none := busyNode(0, 0, true)
	_, servers := busyNode(100, 0, true)
	_, gpus := busyNode(0, 100, true)
	empty := len(encodeLive(none))
	if n := (len(encodeLive(servers)) - empty) / 100; n > 100 {
		t.Errorf("%d bytes a server", n)
	}
	if n := (len(encodeLive(gpus)) - empty) / 100; n > 20 {
		t.Errorf("%d bytes a GPU", n)
	}
}

func TestLiveNumbersThatAreNone(t *testing.T) {
	l := aim.Live{Running: f64(math.NaN()), Waiting: f64(-1)}
	node, live := busyNode(1, 0, false)
	live.Servers[node.Claims[0].Server()] = l
	got, err := decodeLive(encodeLive(live), node)
	if l := got.Servers[node.Claims[0].Server()]; err != nil || l.Running != nil || l.Waiting != nil {
		t.Errorf("%v %+v", err, l)
	}
}

func FuzzDecodeLive(f *testing.F) {
	node, live := busyNode(2, 2, false)
	f.Add(encodeLive(live))
	f.Add([]byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, _ := decodeLive(data, node)
		if len(got.Servers) > 2 || len(got.GPUs) > 2 {
			t.Fatalf("%d servers, %d GPUs", len(got.Servers), len(got.GPUs))
		}
	})
}

// A node says its numbers while somebody wants them, and not before.
func TestLiveNumbersAreSaidWhileWanted(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	node, live := busyNode(2, 2, false)
	asked := make(chan struct{}, 100)
	conn := connect(t, url, "live-node")
	p, err := NewPublisher(conn, node.ID, 1, PublisherOptions{Live: func(context.Context) aim.LiveNode {
		asked <- struct{}{}
		return live
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if err := p.Publish(node); err != nil {
		t.Fatal(err)
	}
	if len(asked) > 0 {
		t.Error("nobody wants the numbers, and they are read")
	}
	for until := time.Now().Add(20 * time.Second); conn.nc.NumSubscriptions() < 4 || conn.nc.Flush() != nil; <-time.After(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the node does not listen")
		}
	}
	v, err := WatchLive(ctx, connect(t, url, "live-reader"))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.After(40 * time.Second)
	for heard := 0; heard < 2; heard++ { // the first answer, and one of those that follow
		select {
		case <-v.News():
		case <-deadline:
			t.Fatalf("heard %d times", heard)
		}
	}
	got, ok := v.Node(node)
	if !ok || len(got.Servers) != 2 || *got.GPUs[node.GPUs[0].ID].PowerW != 700 {
		t.Errorf("%v %+v", ok, got)
	}
}
