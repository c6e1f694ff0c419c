package simulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Where the captured machine keeps what is cut or renamed, below its root.
const (
	kfdDir      = "sys/devices/virtual/kfd/kfd"
	kfdNodes    = kfdDir + "/topology/nodes"
	generation  = kfdDir + "/topology/generation_id"
	drmClass    = "sys/class/drm"
	renderSlots = 8 // render nodes of one MI300X: itself and 7 unused partitions
	maxGPUs     = 8 // of the captured machine
)

// machineImage is the tree of one simulated machine: the captured one with the
// first n GPUs kept and ids of its own.
func machineImage(node string, gpus int) (image, error) {
	m, err := readCapture()
	if err != nil {
		return nil, err
	}
	if err := m.keepGPUs(gpus); err != nil {
		return nil, err
	}
	for i, n := range m.gpuNodes() {
		m.identify(n, node, i)
	}
	m["sys/devices/virtual/kfd/kfd/proc"] = entry{dir: true}
	return m, nil
}

// gpuNodes lists the KFD node numbers that are GPUs, in order.
func (m image) gpuNodes() []int {
	var gpus []int
	for n := 0; ; n++ {
		id, ok := m[nodeDir(n)+"/gpu_id"]
		if !ok {
			return gpus
		}
		if strings.TrimSpace(string(id.data)) != "0" {
			gpus = append(gpus, n)
		}
	}
}

func nodeDir(n int) string { return path.Join(kfdNodes, strconv.Itoa(n)) }

// keepGPUs removes all GPUs but the first n from KFD, DRM and PCI alike, so that
// no reader of one of them sees a trace that the others do not explain.
func (m image) keepGPUs(n int) error {
	gone := map[uint64]bool{}
	for _, gpu := range m.gpuNodes()[n:] {
		props := parseProperties(m[nodeDir(gpu)+"/properties"].data)
		if err := m.dropDevices(int(props["drm_render_minor"])); err != nil {
			return err
		}
		m.drop(nodeDir(gpu))
		gone[uint64(gpu)] = true
	}
	m.dropDangling()
	for _, name := range m.children("dev/dri") {
		if _, ok := m[path.Join(drmClass, name)]; !ok {
			m.drop(path.Join("dev/dri", name))
		}
	}
	left := m.children(kfdNodes)
	for _, node := range left {
		m.dropLinksTo(gone, path.Join(kfdNodes, node))
	}
	m[generation] = entry{data: fmt.Appendf(nil, "%d\n", len(left))}
	return nil
}

// dropDevices removes the GPU with this render node from the PCI bus, from its
// root port down, and the platform devices of its unused partitions.
func (m image) dropDevices(render int) error {
	for minor := render; minor < render+renderSlots; minor++ {
		link := fmt.Sprintf("%s/renderD%d", drmClass, minor)
		if m[link].link == "" {
			return fmt.Errorf("cut the embedded machine: it has no %s", link)
		}
		// sys/devices/<bus>/<root port> or sys/devices/platform/<partition>
		parts := strings.SplitN(m.target(link), "/", 5)
		m.drop(strings.Join(parts[:4], "/"))
	}
	return nil
}

// dropLinksTo removes the io_links and p2p_links of a KFD node that lead to
// nodes that are gone, and numbers the rest from 0 as the kernel does.
func (m image) dropLinksTo(gone map[uint64]bool, node string) {
	props := m[node+"/properties"].data
	for _, kind := range []string{"io_links", "p2p_links"} {
		var kept [][]byte
		for i := 0; ; i++ {
			link, ok := m[fmt.Sprintf("%s/%s/%d/properties", node, kind, i)]
			if !ok {
				break
			}
			if !gone[parseProperties(link.data)["node_to"]] {
				kept = append(kept, link.data)
			}
		}
		if len(kept) == 0 && len(m.children(node+"/"+kind)) == 0 {
			continue
		}
		m.drop(node + "/" + kind)
		m[node+"/"+kind] = entry{dir: true}
		for i, data := range kept {
			dir := fmt.Sprintf("%s/%s/%d", node, kind, i)
			m[dir] = entry{dir: true}
			m[dir+"/properties"] = entry{data: data}
		}
		props = setProperty(props, kind+"_count", uint64(len(kept)))
	}
	m[node+"/properties"] = entry{data: props}
}

// identify gives the i-th GPU of a machine ids that no other machine has, the
// same at every start: hardware ids never change.
func (m image) identify(kfdNode int, machine string, i int) {
	unique := hashID(machine, fmt.Sprintf("gpu %d", i))
	hive := hashID(machine, "hive")
	file := nodeDir(kfdNode) + "/properties"
	props := m[file].data
	device := path.Join(drmClass, fmt.Sprintf("renderD%d", parseProperties(props)["drm_render_minor"]))
	pci := path.Dir(path.Dir(m.target(device))) // <pci>/drm/renderDN

	props = setProperty(props, "unique_id", unique)
	m[file] = entry{data: setProperty(props, "hive_id", hive)}
	m[pci+"/unique_id"] = entry{data: fmt.Appendf(nil, "%016x\n", unique)}
	m[pci+"/xgmi_hive_info/xgmi_hive_id"] = entry{data: fmt.Appendf(nil, "%d\n", hive)}
}

// hashID is a 64-bit id for one part of a machine; never 0, which means none.
func hashID(machine, part string) uint64 {
	sum := sha256.Sum256([]byte("aim simulated\x00" + machine + "\x00" + part))
	return binary.BigEndian.Uint64(sum[:]) | 1
}

// parseProperties reads KFD's "name value" lines; other lines are left out.
func parseProperties(data []byte) map[string]uint64 {
	props := map[string]uint64{}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseUint(value, 10, 64); err == nil {
			props[name] = v
		}
	}
	return props
}

// setProperty replaces the value of one "name value" line.
func setProperty(data []byte, name string, value uint64) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, name+" ") {
			line = fmt.Sprintf("%s %d\n", name, value)
		}
		out.WriteString(line)
	}
	return out.Bytes()
}
