package inventory

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Beat is a node's sign of life. It says what the newest snapshot should be, so
// that a receiver who missed it knows to ask.
type Beat struct {
	Epoch    uint64        // of the agent's start; grows
	Nonce    uint32        // random per start: tells two agents of one epoch apart
	Seq      uint64        // grows with every message of this start
	Revision uint64        // of the snapshot
	Digest   uint64        // of the snapshot's bytes
	Sent     int64         // unix ns by the sender's clock; for people only
	Interval time.Duration // until the next beat, whole milliseconds
	Flags    Flags
}

// Flags of a beat.
type Flags uint8

// What a beat says besides being there.
const (
	FlagDraining Flags = 1 << iota // cordoned
	FlagDegraded                   // some GPU is unhealthy or quarantined
	FlagGoodbye                    // the agent stops on purpose; no more beats
)

// The bytes of a beat, little-endian:
//
//	0  version (1)     8  epoch      32  digest
//	1  flags          16  seq        40  sent
//	2  interval, ms   24  revision
//	4  nonce
const (
	beatVersion = 1
	beatSize    = 48
)

// encode returns the bytes of the beat.
func (b Beat) encode() []byte {
	out := make([]byte, beatSize)
	out[0], out[1] = beatVersion, byte(b.Flags)
	binary.LittleEndian.PutUint16(out[2:], uint16(min(b.Interval.Milliseconds(), 1<<16-1)))
	binary.LittleEndian.PutUint32(out[4:], b.Nonce)
	binary.LittleEndian.PutUint64(out[8:], b.Epoch)
	binary.LittleEndian.PutUint64(out[16:], b.Seq)
	binary.LittleEndian.PutUint64(out[24:], b.Revision)
	binary.LittleEndian.PutUint64(out[32:], b.Digest)
	binary.LittleEndian.PutUint64(out[40:], uint64(b.Sent))
	return out
}

// decodeBeat reads a beat. Bytes after the known ones are a later addition and
// skipped; another version is an error.
func decodeBeat(data []byte) (Beat, error) {
	if len(data) < beatSize {
		return Beat{}, fmt.Errorf("beat of %d bytes, want %d", len(data), beatSize)
	}
	if data[0] != beatVersion {
		return Beat{}, fmt.Errorf("beat of version %d, this one knows %d", data[0], beatVersion)
	}
	return Beat{
		Flags:    Flags(data[1]),
		Interval: time.Duration(binary.LittleEndian.Uint16(data[2:])) * time.Millisecond,
		Nonce:    binary.LittleEndian.Uint32(data[4:]),
		Epoch:    binary.LittleEndian.Uint64(data[8:]),
		Seq:      binary.LittleEndian.Uint64(data[16:]),
		Revision: binary.LittleEndian.Uint64(data[24:]),
		Digest:   binary.LittleEndian.Uint64(data[32:]),
		Sent:     int64(binary.LittleEndian.Uint64(data[40:])),
	}, nil
}
