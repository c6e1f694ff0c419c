package amdgpu

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
)

// expectation is one entry of testdata/expected.yaml. Fields that an entry does
// not have are not asserted.
type expectation struct {
	File        string   `yaml:"file"`
	Physical    *int     `yaml:"physical"`
	Devices     *int     `yaml:"devices_count"`
	KFDNodes    *int     `yaml:"kfd_gpu_nodes"`
	Schedulable *int     `yaml:"schedulable"`
	Healthy     *int     `yaml:"healthy"`
	GFX         string   `yaml:"gfx"`
	Product     string   `yaml:"product"`
	CPUNodes    *int     `yaml:"cpu_nodes"`
	Hives       *int     `yaml:"hives"`
	Compute     string   `yaml:"compute_partition"`
	Memory      string   `yaml:"memory_partition"`
	Driver      string   `yaml:"driver_version"`
	OnBus       *int     `yaml:"amd_accelerators_on_bus"`
	VRAM        uint64   `yaml:"vram_bytes"`
	VRAMUsed    uint64   `yaml:"vram_used_bytes"`
	Unhealthy   []fault  `yaml:"unhealthy"`
	InUse       []holder `yaml:"in_use"`
	Unexplained []holder `yaml:"unexplained_use"`
	DeviceList  []line   `yaml:"devices"`

	// Links and NICs are put in words; topology_test.go asserts them.
	XGMI string `yaml:"xgmi"`
	NICs string `yaml:"nics"`

	// What follows describes the tree, or what the reader does not report.
	Kind        string   `yaml:"kind"`
	Parts       []string `yaml:"parts"`
	Missing     []string `yaml:"missing"`
	Note        string   `yaml:"note"`
	UseNote     string   `yaml:"unexplained_note"`
	RenderNodes *int     `yaml:"render_nodes_present"`
	CardOfGPU   []int    `yaml:"card_of_gpu"`
	GPUBusy     *int     `yaml:"gpu_busy_percent"`
}

type fault struct {
	PCI string `yaml:"pci"`
	Why string `yaml:"why"`
}

type holder struct {
	PCI     string `yaml:"pci"`
	PID     int    `yaml:"pid"`
	KFDID   uint64 `yaml:"kfd_gpu_id"`
	Process uint64 `yaml:"process_vram_bytes"`
	Used    uint64 `yaml:"vram_used_bytes"`
	GPUBusy int    `yaml:"gpu_busy_percent"`
}

// line is one physical GPU.
type line struct {
	PCI        string    `yaml:"pci"`
	UUID       string    `yaml:"uuid"`
	DeviceID   string    `yaml:"device_id"`
	GFX        *uint64   `yaml:"gfx_target_version"`
	CPUNode    *int      `yaml:"cpu_node"`
	Partitions int       `yaml:"partitions"`
	Minors     []int     `yaml:"render_minors"`
	CUs        *int      `yaml:"cu_per_device"`
	VRAM       []*uint64 `yaml:"vram_bytes_per_device"`
}

func loadExpected(t *testing.T) map[string]expectation {
	t.Helper()
	b, err := os.ReadFile("testdata/expected.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Trees map[string]expectation `yaml:"trees"`
	}
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	dec.KnownFields(true) // a field that this test does not know would go unasserted
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all.Trees) == 0 {
		t.Fatal("expected.yaml names no trees")
	}
	return all.Trees
}

// TestExpected asserts that every tree, unpacked to disk, gives what
// expected.yaml says of it.
func TestExpected(t *testing.T) {
	for name, want := range loadExpected(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := unpack(t, openArchive(t, strings.TrimSuffix(want.File, ".tar.gz")))
			reader := New(root)
			got, err := reader.Detect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkCounts(t, want, got)
			checkHost(t, want, got)
			checkHealth(t, want, got)
			checkUse(t, want, got, reader)
			checkDevices(t, want, everyGPU(t, reader))
			checkCard(t, want, reader)
			checkOrder(t, got)
		})
	}
}

// everyGPU describes all GPUs that KFD lists, offered or not.
func everyGPU(t *testing.T, r *Reader) []aim.GPU {
	t.Helper()
	s := surveyOf(t, r)
	var all []aim.GPU
	for _, b := range s.boards {
		all = append(all, s.gpus(b, nil, nil)...)
	}
	return all
}

func surveyOf(t *testing.T, r *Reader) survey {
	t.Helper()
	tree, err := r.tree()
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.survey(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkCounts(t *testing.T, want expectation, got aim.Detection) {
	t.Helper()
	equal := func(what string, want *int, got int) {
		t.Helper()
		if want != nil && *want != got {
			t.Errorf("%s: got %d, want %d", what, got, *want)
		}
	}
	physical := map[string]bool{}
	healthy := 0
	for _, g := range got.GPUs {
		physical[g.PCI] = true
		if g.Health == aim.HealthOK {
			healthy++
		}
	}
	for _, n := range got.NotOffered {
		if !strings.HasPrefix(n.Reason, "held by") {
			physical[n.PCI] = true
		}
	}
	equal("devices", want.Devices, len(got.GPUs))
	equal("schedulable", want.Schedulable, len(got.GPUs))
	equal("healthy", want.Healthy, healthy)
	equal("cpu_nodes", want.CPUNodes, got.CPUNodes)
	equal("physical", want.Physical, len(physical))
	if want.OnBus != nil {
		equal("not offered", want.OnBus, len(got.NotOffered))
	}
	if len(got.GPUs) == 0 && got.Reason == "" {
		t.Error("no GPU and no reason for it")
	}
	if len(got.GPUs) > 0 && got.Reason != "" {
		t.Errorf("there are GPUs, and a reason why there are none: %s", got.Reason)
	}
}

func checkHost(t *testing.T, want expectation, got aim.Detection) {
	t.Helper()
	if want.Driver != "" && got.Driver != want.Driver {
		t.Errorf("driver: got %q, want %q", got.Driver, want.Driver)
	}
	hives := map[string]bool{}
	for _, g := range got.GPUs {
		hives[g.Hive] = true
		if g.Arch != want.GFX {
			t.Errorf("%s: gfx is %s, want %s", g.ID, g.Arch, want.GFX)
		}
		// What follows the name in brackets tells how to find it, and is checked
		// as the device id.
		if name, _, _ := strings.Cut(want.Product, " (device"); g.Product != name {
			t.Errorf("%s: product is %q, want %q", g.ID, g.Product, name)
		}
		checkMode(t, g, "compute_partition", g.ComputeMode, want.Compute)
		checkMode(t, g, "memory_partition", g.MemoryMode, want.Memory)
	}
	if want.Hives != nil && len(hives) != *want.Hives {
		t.Errorf("hives: got %d, want %d", len(hives), *want.Hives)
	}
}

// checkCard compares a GPU that has no KFD node with the one its tree describes
// in full: by words of its name, and by its memory.
func checkCard(t *testing.T, want expectation, r *Reader) {
	t.Helper()
	if want.VRAM == 0 {
		return
	}
	s := surveyOf(t, r)
	if len(s.leftovers) != 1 {
		t.Fatalf("%d GPUs without a KFD node, want 1", len(s.leftovers))
	}
	d := s.leftovers[0].device
	for _, word := range strings.Split(strings.TrimPrefix(want.Product, "device "), ", ") {
		if name := productName(d, d.id); !strings.Contains(name, word) {
			t.Errorf("product %q does not say %s", name, word)
		}
	}
	if d.total != known(want.VRAM) || d.used != known(want.VRAMUsed) {
		t.Errorf("VRAM is %+v with %+v in use, want %d with %d", d.total, d.used, want.VRAM, want.VRAMUsed)
	}
}

// checkMode asserts a mode where the entry names one; a tree without the mode
// files must leave it open and say so.
func checkMode(t *testing.T, g aim.GPU, field, got, want string) {
	t.Helper()
	if want != "" && got != want {
		t.Errorf("%s: %s is %q, want %q", g.ID, field, got, want)
	}
	if got == "" && g.Unknown[field] == "" {
		t.Errorf("%s: %s is unknown for no reason", g.ID, field)
	}
}

func checkHealth(t *testing.T, want expectation, got aim.Detection) {
	t.Helper()
	sick := map[string]string{}
	for _, g := range got.GPUs {
		if g.Health != aim.HealthOK {
			sick[g.PCI] = g.HealthReason
		}
	}
	if want.Healthy == nil {
		if len(sick) > 0 {
			t.Errorf("unhealthy: %v, want none", sick)
		}
		return
	}
	for _, n := range got.NotOffered {
		sick[n.PCI] = n.Reason
	}
	for _, f := range want.Unhealthy {
		if !strings.Contains(sick[f.PCI], f.Why) {
			t.Errorf("%s: unhealthy because %q, want %q", f.PCI, sick[f.PCI], f.Why)
		}
	}
	if len(sick) != len(want.Unhealthy) {
		t.Errorf("unhealthy: %v, want %v", sick, want.Unhealthy)
	}
}

func checkUse(t *testing.T, want expectation, got aim.Detection, r *Reader) {
	t.Helper()
	holders := map[string]holder{}
	for _, h := range slices.Concat(want.InUse, want.Unexplained) {
		holders[h.PCI] = h
	}
	for _, g := range got.GPUs {
		h, inUse := holders[g.PCI]
		if (g.Busy != nil) != inUse {
			t.Errorf("%s: busy is %+v, want in use = %v", g.PCI, g.Busy, inUse)
		}
		if !inUse || g.Busy == nil {
			continue
		}
		if h.PID == 0 {
			if g.Busy.Who != "unknown" || deref(g.VRAMUsedBytes) != h.Used {
				t.Errorf("%s: busy is %+v, VRAM in use %v; want unknown, %d", g.ID, g.Busy, deref(g.VRAMUsedBytes), h.Used)
			}
			continue
		}
		if who := fmt.Sprintf("process %d", h.PID); g.Busy.Who != who || g.Busy.Bytes != h.Process {
			t.Errorf("%s: busy is %+v, want %s with %d bytes", g.PCI, g.Busy, who, h.Process)
		}
		if g.KFDID != h.KFDID || g.VRAMUsedBytes == nil || *g.VRAMUsedBytes != h.Used {
			t.Errorf("%s: gpu_id %d, VRAM in use %v; want %d, %d", g.PCI, g.KFDID, g.VRAMUsedBytes, h.KFDID, h.Used)
		}
		users, err := r.Users(t.Context(), g)
		if err != nil || !slices.Equal(users, []aim.GPUUser{{PID: h.PID, Bytes: h.Process}}) {
			t.Errorf("%s: users are %v, %v; want pid %d", g.PCI, users, err, h.PID)
		}
	}
}

// checkDevices compares the physical GPUs one by one. An id of 0 stands for
// none, so it is unknown.
func checkDevices(t *testing.T, want expectation, got []aim.GPU) {
	t.Helper()
	if want.KFDNodes != nil && len(got) != *want.KFDNodes {
		t.Errorf("KFD GPU nodes: got %d, want %d", len(got), *want.KFDNodes)
	}
	total := 0
	for _, w := range want.DeviceList {
		total += len(w.Minors)
		var parts []aim.GPU
		for _, g := range got {
			if g.PCI == w.PCI {
				parts = append(parts, g)
			}
		}
		if len(parts) != len(w.Minors) {
			t.Errorf("%s: %d devices, want %d", w.PCI, len(parts), len(w.Minors))
			continue
		}
		for i, g := range parts {
			checkDevice(t, w, i, g)
		}
	}
	if len(got) != total {
		t.Errorf("devices: got %d, want %d", len(got), total)
	}
}

func checkDevice(t *testing.T, w line, i int, g aim.GPU) {
	t.Helper()
	uuid := w.UUID
	if uuid == "GPU-0000000000000000" {
		uuid = ""
	}
	same := func(field string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s partition %d: %s is %v, want %v", w.PCI, i, field, got, want)
		}
	}
	same("uuid", g.UUID, uuid)
	same("device_id", g.DeviceID, w.DeviceID)
	same("partitions", g.Partitions, w.Partitions)
	same("partition", g.Partition, i)
	same("gfx_target_version", deref(g.GFXTargetVersion), deref(w.GFX))
	same("cpu_node", deref(g.CPUNode), deref(w.CPUNode))
	same("render_minor", deref(g.RenderMinor), w.Minors[i])
	same("cu", deref(g.ComputeUnits), deref(w.CUs))
	same("vram_bytes", deref(g.VRAMBytes), deref(w.VRAM[i]))
	wantID := uuid
	if uuid != "" && w.Partitions > 1 {
		wantID = fmt.Sprintf("%s/%d", uuid, i)
	}
	if uuid != "" {
		same("id", g.ID, wantID)
	}
	for field, isNil := range map[string]bool{
		"gfx_target_version": g.GFXTargetVersion == nil,
		"vram_bytes":         g.VRAMBytes == nil,
		"vram_used_bytes":    g.VRAMUsedBytes == nil,
		"uuid":               g.UUID == "",
	} {
		if isNil != (g.Unknown[field] != "") {
			t.Errorf("%s: %s: nil is %v, and the reason is %q", g.ID, field, isNil, g.Unknown[field])
		}
	}
}

func deref[T any](p *T) any {
	if p == nil {
		return "unknown"
	}
	return *p
}

// checkOrder asserts the order of the answer, and that ids are unique.
func checkOrder(t *testing.T, got aim.Detection) {
	t.Helper()
	seen := map[string]bool{}
	for i, g := range got.GPUs {
		if seen[g.ID] {
			t.Errorf("id %s occurs twice", g.ID)
		}
		seen[g.ID] = true
		if i == 0 {
			continue
		}
		before := got.GPUs[i-1]
		if c := comparePCI(before.PCI, g.PCI); c > 0 || c == 0 && before.Partition >= g.Partition {
			t.Errorf("%s comes before %s", before.ID, g.ID)
		}
	}
	if !slices.IsSortedFunc(got.NotOffered, func(x, y aim.NotOffered) int { return comparePCI(x.PCI, y.PCI) }) {
		t.Errorf("not offered is not in order: %v", got.NotOffered)
	}
}
