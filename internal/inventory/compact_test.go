package inventory

import (
	"encoding/json"
	"reflect"
	"testing"
	"unsafe"

	"github.com/aim-engine/aim"
)

func TestCompactChangesNothingButTheMemory(t *testing.T) {
	vram := uint64(192 << 30)
	n := aim.Node{ID: "n1", Runtimes: []string{"docker"}, Images: []string{"vllm"}}
	peers := map[string][]aim.Peer{
		"GPU-1": {{ID: "GPU-2", Weight: 15}, {ID: "GPU-3", Weight: 15}},
		"GPU-2": {{ID: "GPU-3", Weight: 15}, {ID: "GPU-1", Weight: 15}},
		"GPU-3": {{ID: "GPU-2", Weight: 15}, {ID: "elsewhere", Weight: 30}}, // not like the others
	}
	for _, id := range []string{"GPU-1", "GPU-2", "GPU-3"} {
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: id, UUID: id, PCI: "0000:05:00.0", Type: "MI300X", VRAMBytes: &vram, Health: aim.HealthOK, ComputeMode: "SPX", Peers: peers[id],
		})
	}
	a, b := decoded(t, n), decoded(t, n)
	Compact(&a)
	Compact(&b)
	if !reflect.DeepEqual(a, b) || encoded(t, a) != encoded(t, n) {
		t.Errorf("compact\n%s, want\n%s", encoded(t, a), encoded(t, n))
	}
	if unsafe.StringData(a.GPUs[0].Type) != unsafe.StringData(b.GPUs[2].Type) {
		t.Error("two nodes do not share the name of their type")
	}
	if &a.GPUs[0].Peers[1] != &a.GPUs[1].Peers[0] {
		t.Error("GPUs that are joined to all others do not share the list of them")
	}
}

func decoded(t *testing.T, n aim.Node) (out aim.Node) {
	if err := json.Unmarshal([]byte(encoded(t, n)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func encoded(t *testing.T, n aim.Node) string {
	data, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
