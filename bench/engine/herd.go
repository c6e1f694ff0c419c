package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/amdgpu"
	"github.com/aim-engine/aim/internal/simulator"
)

// herd is a fleet of agents in one process: it sends what they would send, at the
// same pace, and answers what they would answer. 50,000 real ones do not fit on a
// machine that measures; so it speaks NATS's own protocol over one connection,
// and the messages of package inventory byte by byte.
type herd struct {
	conn  net.Conn
	nodes []member

	mu  sync.Mutex
	out bytes.Buffer // not sent yet
}

// member is one node of the herd.
type member struct {
	id               string
	revision, digest uint64
	seq              uint64
	described        []byte // its JSON
}

const (
	oneBeat = time.Second
	// slices of a second in which the beats of so many nodes go out together.
	slicesPerBeat = 100
	snapshotEvery = 60 // beats
	// changesPerSecond in the whole fleet. A replica's life is about ten, so this
	// is five replicas started or stopped every second.
	changesPerSecond = 50
	sentLabel        = "sent" // when a change was made, Unix nanoseconds
)

// beatAll runs a herd until ctx ends.
func beatAll(ctx context.Context, server string, nodes int) error {
	where, err := url.Parse(server)
	if err != nil {
		return err
	}
	h := &herd{nodes: make([]member, nodes)}
	if h.conn, err = net.Dial("tcp", where.Host); err != nil {
		return err
	}
	machine, err := eightGPUs(ctx)
	if err != nil {
		return err
	}
	for i := range h.nodes {
		h.nodes[i].id = fmt.Sprintf("n%d", i)
		if err := h.describe(i, machine, time.Time{}); err != nil {
			return err
		}
	}
	h.out.WriteString("CONNECT {\"verbose\":false,\"name\":\"aim-bench\"}\r\nSUB aim.v1.ask.*.snapshot 1\r\nSUB aim.v1.ctl.snapshot 2\r\n")
	var all sync.WaitGroup
	defer all.Wait()
	defer h.conn.Close()
	all.Go(func() { _ = h.listen() }) // ends with the connection
	fmt.Println("beating")
	return h.beat(ctx, machine)
}

// beat sends each node's beat once a second, its snapshot once a minute, and
// changes one of them now and then.
func (h *herd) beat(ctx context.Context, machine aim.Node) error {
	tick := time.NewTicker(oneBeat / slicesPerBeat)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		h.mu.Lock()
		slice, round := n%slicesPerBeat, n/slicesPerBeat
		for i := slice; i < len(h.nodes); i += slicesPerBeat {
			h.publishBeat(i)
			if (i/slicesPerBeat)%snapshotEvery == round%snapshotEvery {
				h.publishSnapshot(i)
			}
		}
		if n%(slicesPerBeat/changesPerSecond) == 0 {
			i := rand.IntN(len(h.nodes))
			if err := h.describe(i, machine, time.Now()); err != nil {
				return err
			}
			h.publishSnapshot(i)
		}
		err := h.flush()
		h.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// listen answers pings, calls for all snapshots, and questions for one.
func (h *herd) listen() error {
	lines := bufio.NewReader(h.conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "PING":
			err = h.send(func() { h.out.WriteString("PONG\r\n") })
		case words[0] == "MSG":
			size, _ := strconv.Atoi(words[len(words)-1])
			if _, err = io.CopyN(io.Discard, lines, int64(size)+2); err == nil {
				err = h.send(func() { h.answer(words[1]) })
			}
		}
		if err != nil {
			return err
		}
	}
}

// answer is the snapshot of one node: a call for all of them is left to the
// digests, by which control finds out whom to ask.
func (h *herd) answer(subject string) {
	words := strings.Split(subject, ".")
	if i, err := strconv.Atoi(strings.TrimPrefix(words[3], "n")); err == nil && i < len(h.nodes) {
		h.publishSnapshot(i)
	}
}

func (h *herd) send(write func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	write()
	return h.flush()
}

// flush sends what has been written; the caller holds mu.
func (h *herd) flush() error {
	_, err := h.out.WriteTo(h.conn)
	return err
}

// describe makes a node's description another one, made at this time.
func (h *herd) describe(i int, machine aim.Node, at time.Time) error {
	m := &h.nodes[i]
	m.revision++
	machine.ID, machine.Epoch, machine.Revision, machine.Labels = m.id, 1, m.revision, map[string]string{}
	if !at.IsZero() {
		machine.Labels[sentLabel] = strconv.FormatInt(at.UnixNano(), 10)
	}
	var err error
	if m.described, err = json.Marshal(machine); err != nil {
		return err
	}
	sum := fnv.New64a()
	sum.Write(m.described)
	m.digest = sum.Sum64()
	return nil
}

// publishBeat writes the 48 bytes that package inventory documents.
func (h *herd) publishBeat(i int) {
	m := &h.nodes[i]
	m.seq++
	beat := []byte{1, 0}
	beat = binary.LittleEndian.AppendUint16(beat, uint16(oneBeat.Milliseconds()))
	beat = binary.LittleEndian.AppendUint32(beat, 1) // nonce
	for _, v := range []uint64{1, m.seq, m.revision, m.digest, uint64(time.Now().UnixNano())} {
		beat = binary.LittleEndian.AppendUint64(beat, v)
	}
	fmt.Fprintf(&h.out, "PUB aim.v1.hb.%s %d\r\n%s\r\n", m.id, len(beat), beat)
}

func (h *herd) publishSnapshot(i int) {
	m := &h.nodes[i]
	m.seq++
	head := fmt.Sprintf(`{"version":1,"nonce":1,"seq":%d,"node":`, m.seq)
	fmt.Fprintf(&h.out, "PUB aim.v1.inv.%s %d\r\n%s%s}\r\n", m.id, len(head)+len(m.described)+1, head, m.described)
}

// eightGPUs describes a machine as an agent reads it.
func eightGPUs(ctx context.Context) (aim.Node, error) {
	dir, err := os.MkdirTemp("", "aim-bench-")
	if err != nil {
		return aim.Node{}, err
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "tree")
	if _, err := simulator.CreateTree(root, "bench", 8); err != nil {
		return aim.Node{}, err
	}
	d, err := amdgpu.New(root).Detect(ctx)
	return aim.Node{Address: "10.0.0.1", Runtimes: []string{"docker"}, Detection: d, CPUs: 192, HostBytes: 2 << 40}, err
}
