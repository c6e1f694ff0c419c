package inventory

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	"github.com/aim-engine/aim"
)

const snapshotVersion = 1

// Snapshot is a node's whole description of itself, as it travels. Epoch and
// revision are the node's own fields.
type Snapshot struct {
	Nonce  uint32
	Seq    uint64
	Digest uint64 // of the node's bytes as they were sent
	Node   aim.Node
}

// snapshotJSON is the form on the wire. Readers skip fields they do not know;
// the digest is over the bytes of "node" as sent, so that it agrees between a
// node and a control of different versions.
type snapshotJSON struct {
	Version int             `json:"version"`
	Nonce   uint32          `json:"nonce"`
	Seq     uint64          `json:"seq"`
	Node    json.RawMessage `json:"node"`
}

// digestOf is the 64-bit FNV-1a sum of a node's JSON. It finds lost and mixed
// up snapshots, not attackers.
func digestOf(node []byte) uint64 {
	h := fnv.New64a()
	h.Write(node) // never fails
	return h.Sum64()
}

// encodeSnapshot wraps a node's JSON.
func encodeSnapshot(node []byte, nonce uint32, seq uint64) ([]byte, error) {
	return json.Marshal(snapshotJSON{Version: snapshotVersion, Nonce: nonce, Seq: seq, Node: node})
}

// decodeSnapshot reads a snapshot that came on the subject of node id.
func decodeSnapshot(data []byte, id string) (Snapshot, error) {
	s, node, err := openSnapshot(data, id)
	if err == nil {
		err = s.readNode(node, id)
	}
	return s, err
}

// openSnapshot reads all but the node, whose bytes it returns: most snapshots
// repeat what is known, and their digest tells.
func openSnapshot(data []byte, id string) (s Snapshot, node []byte, err error) {
	var w snapshotJSON
	if err := json.Unmarshal(data, &w); err != nil {
		return Snapshot{}, nil, fmt.Errorf("snapshot of %s: %w", id, err)
	}
	if w.Version != snapshotVersion {
		return Snapshot{}, nil, fmt.Errorf("snapshot of %s has version %d, this one knows %d; upgrade the older of the two",
			id, w.Version, snapshotVersion)
	}
	return Snapshot{Nonce: w.Nonce, Seq: w.Seq, Digest: digestOf(w.Node)}, w.Node, nil
}

func (s *Snapshot) readNode(node []byte, id string) error {
	if err := json.Unmarshal(node, &s.Node); err != nil {
		return fmt.Errorf("snapshot of %s: %w", id, err)
	}
	if s.Node.ID != id {
		return fmt.Errorf("snapshot on the subject of %s is of node %q", id, s.Node.ID)
	}
	Compact(&s.Node)
	return nil
}
