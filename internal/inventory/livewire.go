package inventory

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"maps"
	"math"
	"slices"

	"github.com/aim-engine/aim"
)

// Live numbers on the wire: small, since a large fleet sends them every few
// seconds, and lossy, since nobody computes with them.
//
//	version 1 | servers | each: 8 bytes FNV-1a of its name, age, 12 quantities
//	          | GPUs    | each: 4 bytes FNV-1a of its id, 5 quantities
//
// Counts, ages and quantities are unsigned varints; a quantity is 0 for unknown,
// else one more than its value in the unit of its field. Readers know names and ids
// from the snapshot. Of a later version what they know is read.
const (
	liveVersion = 1
	// mostLive bounds what is believed of a message.
	mostLive = 10_000
)

// field is one quantity: where it is, how many of its units make one of ours, and
// the most that is told, so that no value takes more than its share of bytes.
type field[T any] struct {
	of    func(*T) **float64
	scale float64
	most  uint64
}

const fiveBytes, threeBytes, twoBytes, oneByte = 1<<34 - 2, 1<<21 - 2, 1<<14 - 2, 1<<7 - 2

var serverFields = []field[aim.Live]{
	{func(l *aim.Live) **float64 { return &l.Running }, 1, threeBytes},
	{func(l *aim.Live) **float64 { return &l.Waiting }, 1, threeBytes},
	{func(l *aim.Live) **float64 { return &l.TokensIn }, 10, fiveBytes},
	{func(l *aim.Live) **float64 { return &l.TokensOut }, 10, fiveBytes},
	{func(l *aim.Live) **float64 { return &l.KVUse }, 1000, twoBytes},
	{func(l *aim.Live) **float64 { return &l.PrefixHits }, 1000, twoBytes},
	{func(l *aim.Live) **float64 { return &l.Preemptions }, 1, fiveBytes},
	{func(l *aim.Live) **float64 { return &l.FirstP50 }, 1e4, fiveBytes}, // tenths of a millisecond
	{func(l *aim.Live) **float64 { return &l.FirstP95 }, 1e4, fiveBytes},
	{func(l *aim.Live) **float64 { return &l.BetweenP50 }, 1e4, fiveBytes},
	{func(l *aim.Live) **float64 { return &l.BetweenP95 }, 1e4, fiveBytes},
	{func(l *aim.Live) **float64 { return &l.FinishedRate }, 100, fiveBytes},
}

var gpuFields = []field[aim.LiveGPU]{
	{func(g *aim.LiveGPU) **float64 { return &g.Busy }, 100, oneByte},
	{func(g *aim.LiveGPU) **float64 { return &g.PowerW }, 1, twoBytes},
	{func(g *aim.LiveGPU) **float64 { return &g.VRAMBytes }, 1.0 / (1 << 20), threeBytes},
	{func(g *aim.LiveGPU) **float64 { return &g.JunctionC }, 1, twoBytes},
	{func(g *aim.LiveGPU) **float64 { return &g.ClockMHz }, 1, twoBytes},
}

func encodeLive(n aim.LiveNode) []byte {
	b := []byte{liveVersion}
	b = binary.AppendUvarint(b, uint64(len(n.Servers)))
	for _, name := range slices.Sorted(maps.Keys(n.Servers)) {
		l := n.Servers[name]
		b = binary.BigEndian.AppendUint64(b, serverHash(name))
		b = binary.AppendUvarint(b, uint64(min(max(l.AgeMillis, 0), fiveBytes)))
		b = appendFields(b, &l, serverFields)
	}
	b = binary.AppendUvarint(b, uint64(len(n.GPUs)))
	for _, id := range slices.Sorted(maps.Keys(n.GPUs)) {
		g := n.GPUs[id]
		b = binary.BigEndian.AppendUint32(b, gpuHash(id))
		b = appendFields(b, &g, gpuFields)
	}
	return b
}

func appendFields[T any](b []byte, of *T, fields []field[T]) []byte {
	for _, f := range fields {
		value := *f.of(of)
		if value == nil || math.IsNaN(*value) || *value < 0 {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, 1+uint64(min(math.Round(*value*f.scale), float64(f.most))))
	}
	return b
}

var errLive = errors.New("live numbers cannot be read")

// decodeLive reads a message of a node whose servers and GPUs are called so; what
// is of others is passed over.
func decodeLive(data []byte, node aim.Node) (aim.LiveNode, error) {
	found := aim.LiveNode{Servers: map[string]aim.Live{}, GPUs: map[string]aim.LiveGPU{}}
	if len(data) == 0 || data[0] < liveVersion {
		return found, errLive
	}
	servers, gpus := map[uint64]string{}, map[uint32]string{}
	for _, c := range node.Claims {
		servers[serverHash(c.Server())] = c.Server()
	}
	for _, g := range node.GPUs {
		gpus[gpuHash(g.ID)] = g.ID
	}
	r := liveReader{rest: data[1:]}
	for range r.count() {
		name, known := servers[binary.BigEndian.Uint64(r.take(8))]
		l := aim.Live{AgeMillis: int64(r.varint())}
		readFields(&r, &l, serverFields)
		if known && r.err == nil {
			found.Servers[name] = l
		}
	}
	for range r.count() {
		id, known := gpus[binary.BigEndian.Uint32(r.take(4))]
		g := aim.LiveGPU{}
		readFields(&r, &g, gpuFields)
		if known && r.err == nil {
			found.GPUs[id] = g
		}
	}
	return found, r.err
}

func readFields[T any](r *liveReader, into *T, fields []field[T]) {
	for _, f := range fields {
		if n := r.varint(); n > 0 {
			value := float64(n-1) / f.scale
			*f.of(into) = &value
		}
	}
}

// liveReader reads what another program has written; after an error it reads
// nothing.
type liveReader struct {
	rest []byte
	err  error
}

func (r *liveReader) varint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if r.err != nil || size <= 0 {
		r.err = errLive
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *liveReader) count() int {
	n := r.varint()
	if n > mostLive {
		r.err = errLive
		return 0
	}
	return int(n)
}

func (r *liveReader) take(n int) []byte {
	if r.err != nil || len(r.rest) < n {
		r.err = errLive
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func serverHash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}

func gpuHash(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return h.Sum32()
}
