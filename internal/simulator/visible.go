package simulator

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// visible lists the GPUs that a server on this node sees, in its own order, by
// ROCm's rules: the devices that are there, filtered by ROCR_VISIBLE_DEVICES.
// In a container the devices are those in its /dev, the folder dev; on the node
// itself, where /dev is that of the real machine, they are all GPUs of the tree.
func (t *Tree) visible(env func(string) string, dev string) []GPU {
	there := t.gpus
	if t.PIDSpace != ownPIDSpace() {
		there = t.present(dev)
	}
	filter := env("ROCR_VISIBLE_DEVICES")
	if filter == "" {
		return there
	}
	var seen []GPU
	for word := range strings.SplitSeq(filter, ",") {
		g, ok := pick(there, strings.TrimSpace(word))
		if !ok {
			break // ROCm ignores what follows a device that does not exist
		}
		seen = append(seen, g)
	}
	return seen
}

// present lists the GPUs whose render node exists below dev.
func (t *Tree) present(dev string) []GPU {
	var there []GPU
	for _, g := range t.gpus {
		if _, err := os.Stat(filepath.Join(dev, "dri", fmt.Sprintf("renderD%d", g.Render))); err == nil {
			there = append(there, g)
		}
	}
	return there
}

// pick finds a device by uuid or index.
func pick(gpus []GPU, word string) (GPU, bool) {
	for i, g := range gpus {
		if strings.EqualFold(g.UUID, word) || strconv.Itoa(i) == word {
			return g, true
		}
	}
	return GPU{}, false
}
