package amdgpu

import (
	"bytes"
	"strconv"

	"github.com/aim-engine/aim"
)

// readClients finds the users of VRAM that KFD does not list, from the
// accounting of the DRM files that processes have open (proc/N/fdinfo), by PCI
// address. It looks at every process of the machine, so it is only asked when
// memory is in use that nobody explains.
func readClients(v *view) map[string][]aim.GPUUser {
	pids, err := v.list("proc")
	if err != nil {
		return nil
	}
	found := map[string][]aim.GPUUser{}
	for _, pid := range numbered(pids, "") {
		for pci, vram := range readClient(v, "proc/"+strconv.Itoa(pid)) {
			if vram > foreignBytes {
				found[pci] = append(found[pci], aim.GPUUser{PID: pid, Name: processName(v, pid), Bytes: vram})
			}
		}
	}
	return found
}

// readClient adds up the VRAM of one process by PCI address. A DRM client can
// be open under several numbers and counts once.
func readClient(v *view, dir string) map[string]uint64 {
	files, _ := v.list(dir + "/fdinfo")
	held := map[string]uint64{}
	counted := map[string]bool{}
	for _, fd := range files {
		b, err := v.bytes(dir + "/fdinfo/" + fd)
		if err != nil || !bytes.Contains(b, []byte("drm-pdev:")) {
			continue
		}
		pci, client, vram := parseClient(b)
		if key := pci + " " + client; !counted[key] {
			counted[key] = true
			held[pci] += vram
		}
	}
	return held
}

func parseClient(b []byte) (pci, client string, vram uint64) {
	for line := range bytes.Lines(b) {
		name, text, _ := bytes.Cut(line, []byte(":"))
		text = bytes.TrimSpace(text)
		switch string(name) {
		case "drm-pdev":
			pci = string(text)
		case "drm-client-id":
			client = string(text)
		case "drm-memory-vram":
			kib, _, _ := bytes.Cut(text, []byte(" "))
			n, _ := decimal(kib)
			vram = n << 10
		}
	}
	return pci, client, vram
}
