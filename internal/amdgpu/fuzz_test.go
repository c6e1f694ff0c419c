package amdgpu

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// FuzzDetect puts any bytes into any file of a tree. The answer may change, but
// it stays an answer: GPUs with distinct ids in order, values with a reason
// where they are missing, and a reason where there is no GPU.
func FuzzDetect(f *testing.F) {
	trees := []*memTree{
		loadTree(f, "mi300x-8x-spx-degraded"),
		loadTree(f, "kfd-mi210-8x-two-hives"),
		loadTree(f, "kfd-vega10-old-kernel"),
		host{gpus: []card{mi300x(0), mi300x(1).split("CPX", 8, "NPS1")}}.tree(),
	}
	process(trees[3], 9, "python3", map[int]uint64{gpuID(1): 5 << 30}, gpuID(2))
	names := make([][]string, len(trees))
	for i, tree := range trees {
		names[i] = slices.Sorted(maps.Keys(tree.files))
	}
	for _, text := range []string{
		"", "\n", "0\n", "-1\n", "18446744073709551615\n", "18446744073709551616\n", "0x\n", "\x00\xff", "ue: \nue: x\n", "P\n:P\n: P",
		"simd_count 8\nlocation_id 1281\nunique_id 18446744073709551615\ngfx_target_version 90402\ndevice_id 29857\n",
		"simd_count 18446744073709551615\nsimd_per_cu 1\ndomain 4294967295\nlocation_id 65535\ndrm_render_minor 99999999999\n",
		"type 11\nnode_to 99999999999\nweight 1\n", "heap_type 2\nsize_in_bytes 18446744073709551615\n",
	} {
		for file := range uint16(12) {
			f.Add(uint8(file), file*97, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, file uint16, content []byte) {
		i := int(which) % len(trees)
		name := names[i][int(file)%len(names[i])]
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		got, err := New("", WithFS(changed{trees[i], name, content})).Detect(ctx)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkAnswer(t, got)
	})
}

// changed is a tree with other content in one file.
type changed struct {
	*memTree
	name    string
	content []byte
}

func (c changed) ReadFile(name string, buf []byte) ([]byte, error) {
	c.once.Do(c.index)
	if c.resolve(name, true) == c.name {
		return append(buf[:0], c.content[:min(len(c.content), maxFile)]...), nil
	}
	return c.memTree.ReadFile(name, buf)
}

// checkAnswer asserts what holds for every answer.
func checkAnswer(t *testing.T, got aim.Detection) {
	t.Helper()
	checkOrder(t, got)
	if (len(got.GPUs) == 0) != (got.Reason != "") {
		t.Errorf("%d GPUs, reason %q", len(got.GPUs), got.Reason)
	}
	for _, g := range got.GPUs {
		if !strings.HasPrefix(g.ID, "GPU-") || g.Partitions < 1 || g.Partition < 0 || g.Partition >= g.Partitions {
			t.Errorf("%s is partition %d of %d", g.ID, g.Partition, g.Partitions)
		}
		if (g.Health == aim.HealthOK) != (g.HealthReason == "") {
			t.Errorf("%s is %s because %q", g.ID, g.Health, g.HealthReason)
		}
		for field, missing := range map[string]bool{
			"uuid": g.UUID == "", "pci": g.PCI == "", "type": g.Type == "", "gfx_target_version": g.GFXTargetVersion == nil,
			"render_minor": g.RenderMinor == nil, "cu": g.ComputeUnits == nil, "vram_bytes": g.VRAMBytes == nil,
			"vram_used_bytes": g.VRAMUsedBytes == nil, "compute_partition": g.ComputeMode == "",
			"memory_partition": g.MemoryMode == "", "cpu_node": g.CPUNode == nil, "nic": g.NIC == "",
		} {
			if missing != (g.Unknown[field] != "") {
				t.Errorf("%s: %s is missing: %v, because %q", g.ID, field, missing, g.Unknown[field])
			}
		}
		if g.VRAMBytes != nil && *g.VRAMBytes == 0 || g.ComputeUnits != nil && *g.ComputeUnits <= 0 {
			t.Errorf("%s: %v bytes, %v CUs", g.ID, deref(g.VRAMBytes), deref(g.ComputeUnits))
		}
	}
	for _, n := range got.NotOffered {
		if n.Reason == "" {
			t.Errorf("%s is not offered for no reason", n.PCI)
		}
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}
