package inventory

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// fullNode has every kind of field set that travels.
func fullNode() aim.Node {
	vram, used, minor, numa, target, cus := uint64(206141652992), uint64(297795584), 128, 0, uint64(90402), 304
	return aim.Node{
		ID: "n1", Address: "10.0.0.1", Host: "gpu-a", Labels: map[string]string{"zone": "a"}, Version: "1.0.0",
		BootID: "5b1c", Namespace: "ns-1", Runtimes: []string{"docker", "process"}, Epoch: 1763719200000000000, Revision: 3,
		Detection: aim.Detection{
			GPUs: []aim.GPU{{
				ID: "GPU-00000000deadbeef", UUID: "00000000deadbeef", PCI: "0000:05:00.0", Type: "MI300X", DeviceID: "0x74a1",
				Arch: "gfx942", GFXTargetVersion: &target, KFDNode: 2, KFDID: 28851, RenderMinor: &minor, Partitions: 1,
				ComputeUnits: &cus, VRAMBytes: &vram, VRAMUsedBytes: &used, ComputeMode: "SPX", MemoryMode: "NPS1", CPUNode: &numa,
				Hive: "7", Peers: []aim.Peer{{ID: "GPU-2", Weight: 15}}, Health: aim.HealthOK,
				Unknown: map[string]string{"nic": "no RDMA device"},
			}},
			NotOffered: []aim.NotOffered{{PCI: "0000:26:00.0", Reason: "no driver bound"}}, Driver: "6.10.5", CPUNodes: 2,
		},
		Claims: []aim.Claim{{
			Identity: aim.Identity{Deployment: "qwen3-32b", UID: "u1", Attempt: 1, Token: "t1"},
			GPUs:     []string{"GPU-00000000deadbeef"}, Port: 8001, CPUs: 16, HostBytes: 64 << 30, Since: time.Unix(1763719200, 0).UTC(),
		}},
		Endpoints: []aim.Endpoint{{
			Identity: aim.Identity{Deployment: "qwen3-32b", UID: "u1", Attempt: 1, Token: "t1"},
			URL:      "http://10.0.0.1:8001", Model: "Qwen/Qwen3-32B", Backend: "vllm", Healthy: true,
		}},
		CPUs: 192, HostBytes: 2 << 40, HostFree: 1 << 40, DiskFree: 3 << 40, Models: []string{"Qwen/Qwen3-32B"},
		ClaimCPUs: 16, ClaimBytes: 64 << 30,
	}
}

const goldenSnapshot = "testdata/snapshot.v1.json"

// TestGoldenSnapshot: what version 1 wrote is read for ever, and what is
// written today can be read by the first reader of version 1: fields are only
// ever added. After adding one, write the file anew with AIM_REWRITE=1.
func TestGoldenSnapshot(t *testing.T) {
	node, err := json.Marshal(fullNode())
	if err != nil {
		t.Fatal(err)
	}
	data, err := encodeSnapshot(node, 77, 12)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("AIM_REWRITE") != "" {
		if err := os.WriteFile(goldenSnapshot, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(goldenSnapshot)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(data), strings.TrimSpace(string(golden)); got != want {
		t.Errorf("encoded\n     %s\nwant %s", got, want)
	}
	s, err := decodeSnapshot(golden, "n1")
	if err != nil {
		t.Fatal(err)
	}
	want := Snapshot{Nonce: 77, Seq: 12, Digest: digestOf(node), Node: fullNode()}
	Compact(&want.Node) // as decoded nodes are
	if !reflect.DeepEqual(s, want) {
		t.Errorf("decoded\n     %+v\nwant %+v", s, want)
	}
}

func TestSnapshotsThatAreNotTaken(t *testing.T) {
	for name, data := range map[string]string{
		"another node":  `{"version":1,"node":{"id":"n2"}}`,
		"newer version": `{"version":2,"node":{"id":"n1"}}`,
		"no version":    `{"node":{"id":"n1"}}`,
		"no node":       `{"version":1}`,
		"cut":           `{"version":1,"node":{"id":"n`,
		"empty":         ``,
	} {
		if _, err := decodeSnapshot([]byte(data), "n1"); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestUnknownFieldsAreSkippedAndDigested(t *testing.T) {
	node := `{"id":"n1","later":{"x":1}}`
	s, err := decodeSnapshot([]byte(`{"version":1,"nonce":1,"seq":2,"also_later":true,"node":`+node+`}`), "n1")
	if err != nil {
		t.Fatal(err)
	}
	if s.Digest != digestOf([]byte(node)) {
		t.Error("the digest is not that of the bytes as sent")
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	golden, err := os.ReadFile(goldenSnapshot)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`{"version":1,"node":{"id":"n1"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := decodeSnapshot(data, "n1"); err == nil && s.Node.ID != "n1" {
			t.Fatalf("took a snapshot of %q as n1's", s.Node.ID)
		}
	})
}
