package amdgpu

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// host describes a machine for tests; tree makes its files. Only what differs
// from an MI300X host in SPX has to be said.
type host struct {
	gpus  []card
	noKFD bool // no amdgpu, or one without compute
	noPCI bool // KFD alone
}

// card is a physical GPU of a host.
type card struct {
	at     string // PCI address
	device uint64 // 0x74a1
	gfx    uint64 // 90402
	unique uint64
	hive   uint64
	cpu    int
	minor  uint64 // of partition 0
	simds  uint64 // of the whole GPU
	xccs   uint64 // of the whole GPU
	parts  uint64 // 0 stands for 1
	hidden bool   // it has no KFD node
	mode   string // "": no mode files
	memory string
	vram   uint64   // bytes, of the whole GPU as KFD counts it
	noDRM  bool     // no mem_info files
	driver string   // "": amdgpu
	peers  []string // PCI addresses it has xGMI to; nil: all of its hive
}

const mi300xVRAM = 206141652992 // bytes

// mi300x is the n-th GPU of a host, whole.
func mi300x(n int) card {
	return card{
		at: fmt.Sprintf("0000:%02x:00.0", 5+0x20*n), device: 0x74a1, gfx: 90402,
		unique: 0xf000000000000001 + uint64(n), hive: 0x77, cpu: n / 4, minor: uint64(128 + 8*n),
		simds: 1216, xccs: 8, mode: "SPX", memory: "NPS1", vram: mi300xVRAM,
	}
}

// split turns a card into partitions.
func (c card) split(mode string, parts uint64, memory string) card {
	c.mode, c.parts, c.memory = mode, parts, memory
	return c
}

// sysfs is where the PCI function of a card is, behind a switch of its own.
func (c card) sysfs() string {
	bus := strings.TrimSuffix(c.at, ":00.0")
	return "sys/devices/pci" + bus + "/" + bus + ":01.1/" + bus + ":02.0/" + c.at
}

// tree makes the files of the host.
func (h host) tree() *memTree {
	t := newTree()
	if !h.noPCI {
		t.files["sys/module/amdgpu/version"] = "6.12.12\n"
		t.files["sys/bus/pci/drivers/amdgpu/bind"] = ""
		t.files["sys/class/drm/version"] = "drm 1.1.0 20060810\n"
		t.files["sys/bus/pci/devices/0000:00:1f.0/vendor"] = "0x8086\n"
	}
	type part struct {
		c    card
		i    uint64
		node int
	}
	var parts []part
	for _, c := range h.gpus {
		if !h.noPCI {
			h.addFunction(t, c)
		}
		for i := uint64(0); i < max(1, c.parts) && !c.hidden; i++ {
			parts = append(parts, part{c, i, 2 + len(parts)})
		}
	}
	if h.noKFD {
		return t
	}
	t.files[topologyDir+"/generation_id"] = fmt.Sprintln(2 + len(parts))
	t.files[processesDir+"/.keep"] = ""
	for cpu := range 2 {
		t.files[nodePath(cpu)+"/gpu_id"] = "0\n"
		t.files[nodePath(cpu)+"/properties"] = "cpu_cores_count 96\nsimd_count 0\n"
	}
	for _, p := range parts {
		addNode(t, p.c, p.i, p.node)
		links := []kfdLink{{to: p.c.cpu, kind: linkPCIe, weight: 20}}
		for _, q := range parts {
			if l, ok := linkBetween(p.c, q.c); ok && p.node != q.node {
				links = append(links, kfdLink{to: q.node, kind: linkXGMI, weight: l})
			}
		}
		for i, l := range links {
			t.files[fmt.Sprintf("%s/io_links/%d/properties", nodePath(p.node), i)] =
				fmt.Sprintf("type %d\nnode_from %d\nnode_to %d\nweight %d\n", l.kind, p.node, l.to, l.weight)
		}
	}
	return t
}

// linkBetween is the weight of the xGMI link between partitions of two cards.
func linkBetween(a, b card) (int, bool) {
	switch {
	case a.at == b.at:
		return 13, true
	case a.hive == 0 || a.hive != b.hive:
		return 0, false
	case a.peers != nil && !strings.Contains(strings.Join(a.peers, " "), b.at):
		return 0, false
	case a.parts > 1 || b.parts > 1:
		return 41, true
	}
	return 15, true
}

func addNode(t *memTree, c card, part uint64, node int) {
	parts := max(1, c.parts)
	at, _ := parseAddress(c.at)
	location := uint64(at.bus)<<8 | uint64(at.dev)<<3 | part
	dir := nodePath(node)
	t.files[dir+"/gpu_id"] = fmt.Sprintln(1000 + node)
	t.files[dir+"/properties"] = fmt.Sprintf(
		"cpu_cores_count 0\nsimd_count %d\nsimd_per_cu 4\nnum_xcc %d\ngfx_target_version %d\nvendor_id 4098\ndevice_id %d\n"+
			"location_id %d\ndomain %d\ndrm_render_minor %d\nhive_id %d\nunique_id %d\n",
		c.simds/parts, max(1, c.xccs/parts), c.gfx, c.device, location, at.domain, c.minor+part, c.hive, c.unique)
	t.files[dir+"/mem_banks/0/properties"] = fmt.Sprintf("heap_type 1\nsize_in_bytes %d\n", c.vram/parts)
}

func (h host) addFunction(t *memTree, c card) {
	dir := c.sysfs()
	driver := c.driver
	if driver == "" {
		driver = driverAMDGPU
	}
	up := func(to, from string) string { return strings.Repeat("../", strings.Count(from, "/")) + to }
	for name, text := range map[string]string{
		"vendor": "0x1002", "device": fmt.Sprintf("0x%04x", c.device), "class": "0x120000",
		"subsystem_device": fmt.Sprintf("0x%04x", c.device), "numa_node": fmt.Sprint(c.cpu),
	} {
		t.files[dir+"/"+name] = text + "\n"
	}
	t.links[busDir+"/"+c.at] = up(dir, busDir+"/"+c.at)
	if driver != "none" {
		t.links[dir+"/driver"] = up("sys/bus/pci/drivers/"+driver, dir+"/driver")
	}
	if driver != driverAMDGPU {
		return
	}
	node := fmt.Sprintf("renderD%d", c.minor)
	t.files[dir+"/drm/"+node+"/dev"] = fmt.Sprintf("226:%d\n", c.minor)
	t.links[cardsDir+"/"+node] = up(dir+"/drm/"+node, cardsDir+"/"+node)
	for name, text := range map[string]string{
		"unique_id": hex16(c.unique), "current_link_speed": "32.0 GT/s PCIe", "current_link_width": "16",
		"ras/umc_err_count": "ue: 0\nce: 0", "hwmon/hwmon3/temp2_label": "junction",
		"hwmon/hwmon3/temp2_input": "41000", "hwmon/hwmon3/temp2_crit": "100000",
	} {
		t.files[dir+"/"+name] = text + "\n"
	}
	if c.mode != "" {
		t.files[dir+"/current_compute_partition"] = c.mode + "\n"
		t.files[dir+"/current_memory_partition"] = c.memory + "\n"
	}
	if !c.noDRM {
		t.files[dir+"/mem_info_vram_total"] = fmt.Sprintln(c.vram)
		t.files[dir+"/mem_info_vram_used"] = "297611264\n"
	}
}

// detect reads a tree in memory.
func detect(tb testing.TB, t FS, opts ...Option) aim.Detection {
	tb.Helper()
	got, err := New("", append(opts, WithFS(t))...).Detect(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// at finds the device of this PCI address and partition.
func at(tb testing.TB, d aim.Detection, pci string, partition int) aim.GPU {
	tb.Helper()
	for _, g := range d.GPUs {
		if g.PCI == pci && g.Partition == partition {
			return g
		}
	}
	tb.Fatalf("%s partition %d is not offered; not offered are %+v, reason %q", pci, partition, d.NotOffered, d.Reason)
	return aim.GPU{}
}

// notOfferedAt finds why the GPU at this address is not given out.
func notOfferedAt(tb testing.TB, d aim.Detection, pci string) string {
	tb.Helper()
	for _, n := range d.NotOffered {
		if n.PCI == pci {
			return n.Reason
		}
	}
	tb.Fatalf("%s is not among those not offered: %+v", pci, d.NotOffered)
	return ""
}

// file is a file of a card's PCI function.
func (c card) file(name string) string { return path.Join(c.sysfs(), name) }
