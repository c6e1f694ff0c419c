package inventory

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"pgregory.net/rapid"
)

// TestRubbish delivers what one agent and its restarts have said in any order,
// any number of times and with pieces missing. Whatever comes: within one start
// of the agent content never goes back, nothing panics, and once the agent is
// heard plainly again it is alive with its newest content.
func TestRubbish(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		said := drawSpeech(rt)
		tr := newTracker(time.Unix(0, 0))
		now := time.Unix(0, 0)
		var shown aim.Node
		var from incarnation
		for range rapid.IntRange(0, 60).Draw(rt, "messages") {
			now = now.Add(time.Duration(rapid.IntRange(0, 800).Draw(rt, "ms")) * time.Millisecond)
			deliver(rt, tr, said[rapid.IntRange(0, len(said)-1).Draw(rt, "which")], now)
			tr.back(rt, now)
			for _, e := range tr.take() {
				tr.probed(e.node, e.round, rapid.Bool().Draw(rt, "answered"), now)
			}
			n, ok := tr.fleet(now).Find("n1")
			if !ok {
				continue
			}
			p := tr.peers["n1"]
			if p.content.incarnation == from && n.Revision < shown.Revision {
				rt.Fatalf("revision went from %d back to %d", shown.Revision, n.Revision)
			}
			shown, from = n.Node, p.content.incarnation
		}
		checkRecovers(rt, tr, now)
	})
}

// message is a beat or a snapshot as it travels, perhaps cut short.
type message struct {
	beat bool
	data []byte
}

// drawSpeech makes what an agent says over up to three starts; the epoch of one
// may be lower than that of the one before.
func drawSpeech(t *rapid.T) []message {
	var said []message
	for start := range rapid.IntRange(1, 3).Draw(t, "starts") {
		from := incarnation{uint64(rapid.IntRange(1, 4).Draw(t, "epoch")), uint32(start + 1)}
		revision := uint64(0)
		var digest uint64
		for seq := range uint64(rapid.IntRange(1, 8).Draw(t, "said")) {
			if seq == 0 || rapid.IntRange(0, 3).Draw(t, "change") == 0 {
				revision++
				node, err := json.Marshal(aim.Node{ID: "n1", Epoch: from.epoch, Revision: revision})
				if err != nil {
					t.Fatal(err)
				}
				digest = digestOf(node)
				data, err := encodeSnapshot(node, from.nonce, seq+1)
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, message{data: data})
				continue
			}
			b := Beat{Epoch: from.epoch, Nonce: from.nonce, Seq: seq + 1, Revision: revision, Digest: digest, Interval: rapid.SampledFrom([]time.Duration{0, DefaultBeat}).Draw(t, "interval")}
			if rapid.IntRange(0, 9).Draw(t, "goodbye") == 0 {
				b.Flags = FlagGoodbye
			}
			said = append(said, message{beat: true, data: b.encode()})
		}
	}
	return said
}

func deliver(t *rapid.T, tr *tracker, m message, now time.Time) {
	data := m.data
	if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
		data = data[:rapid.IntRange(0, len(data)-1).Draw(t, "at")]
	}
	if m.beat {
		if b, err := decodeBeat(data); err == nil {
			tr.beat("n1", b, now)
		}
		return
	}
	if s, err := decodeSnapshot(data, "n1"); err == nil {
		tr.snapshot(s, now)
	}
}

// back lets control hear itself, or not, and ticks.
func (tr *tracker) back(t *rapid.T, now time.Time) {
	if n := tr.guard.sent(now); rapid.IntRange(0, 4).Draw(t, "heard itself") > 0 {
		tr.guard.back(n, now)
	}
	tr.tick(now)
}

// checkRecovers starts the agent once more and lets it speak plainly.
func checkRecovers(t *rapid.T, tr *tracker, now time.Time) {
	node, err := json.Marshal(aim.Node{ID: "n1", Epoch: 100, Revision: 1, Host: "recovered"})
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq < 80; seq++ { // 20 s: longer than any conflict rests
		now = now.Add(DefaultBeat)
		b := Beat{Epoch: 100, Nonce: 100, Seq: seq, Revision: 1, Digest: digestOf(node), Interval: DefaultBeat}
		tr.beat("n1", b, now)
		tr.guard.back(tr.guard.sent(now), now)
		tr.tick(now)
		for _, e := range tr.take() {
			if e.do == askSnapshot {
				tr.snapshot(Snapshot{Nonce: 100, Seq: seq, Digest: digestOf(node), Node: aim.Node{ID: "n1", Epoch: 100, Revision: 1, Host: "recovered"}}, now)
			}
		}
	}
	n, _ := tr.fleet(now).Find("n1")
	if n.Liveness != aim.Alive || n.Host != "recovered" || n.Cordon != "" {
		t.Fatalf("after 20 s of plain beats: %s, content %q of epoch %d, cordon %q", n.Liveness, n.Host, n.Epoch, n.Cordon)
	}
}
