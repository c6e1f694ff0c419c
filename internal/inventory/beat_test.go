package inventory

import (
	"encoding/hex"
	"testing"
	"time"
)

var someBeat = Beat{
	Epoch: 0x0102030405060708, Nonce: 0x11121314, Seq: 0x2122232425262728, Revision: 7,
	Digest: 0x3132333435363738, Sent: 1763719200000000001, Interval: 250 * time.Millisecond,
	Flags: FlagDraining | FlagGoodbye,
}

// These bytes are a contract between agents and controls of different versions.
const someBeatHex = "0105fa00" + "14131211" + "0807060504030201" + "2827262524232221" +
	"0700000000000000" + "3837363534333231" + "0140898f44fd7918"

func TestBeatBytes(t *testing.T) {
	if got := hex.EncodeToString(someBeat.encode()); got != someBeatHex {
		t.Errorf("encoded\n     %s\nwant %s", got, someBeatHex)
	}
	data, err := hex.DecodeString(someBeatHex + "ffff") // bytes of a later addition
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeBeat(data); err != nil || got != someBeat {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

func TestBadBeatsAreErrors(t *testing.T) {
	good := someBeat.encode()
	for n := range good {
		if _, err := decodeBeat(good[:n]); err == nil {
			t.Errorf("a beat of %d bytes was taken", n)
		}
	}
	good[0] = 2
	if _, err := decodeBeat(good); err == nil {
		t.Error("a beat of version 2 was taken")
	}
}

func TestALongIntervalIsCut(t *testing.T) {
	b := Beat{Interval: time.Hour}
	if got, err := decodeBeat(b.encode()); err != nil || got.Interval != 65535*time.Millisecond {
		t.Errorf("interval = %v, %v", got.Interval, err)
	}
}

func FuzzDecodeBeat(f *testing.F) {
	f.Add(someBeat.encode())
	f.Add([]byte{})
	f.Add(make([]byte, beatSize))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeBeat(data)
		if err != nil {
			return
		}
		if again, err := decodeBeat(b.encode()); err != nil || again != b {
			t.Fatalf("%+v became %+v, %v", b, again, err)
		}
	})
}
