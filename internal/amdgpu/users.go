package amdgpu

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

const processesDir = kfdDir + "/proc"

// processes are the users of all GPUs by KFD's gpu_id.
type processes struct {
	why string // why it is not known who uses them
	of  map[uint64][]aim.GPUUser
}

// Users lists the processes that hold memory or queues on the GPU right now, by
// pid. If KFD names none, processes that hold more than 1 GiB through DRM alone
// (graphics, video) are listed. Names are "" where proc/ is not in sight; pids
// are those of the host.
func (r *Reader) Users(ctx context.Context, gpu aim.GPU) ([]aim.GPUUser, error) {
	tree, err := r.tree()
	if err != nil {
		return nil, err
	}
	found, err := boxed(ctx, &r.box, tree, "processes", readProcesses)
	if err != nil {
		return nil, fmt.Errorf("list the users of GPU %s: %w", gpu.ID, err)
	}
	if found.why != "" {
		return nil, fmt.Errorf("list the users of GPU %s: %s", gpu.ID, found.why)
	}
	if users := found.of[gpu.KFDID]; len(users) > 0 && gpu.KFDID != 0 {
		return users, nil
	}
	if used := gpu.VRAMUsedBytes; used != nil && unexplained(*used) == nil {
		return nil, nil // no room for such a client: spare the look at every process
	}
	clients, err := boxed(ctx, &r.box, tree, "clients", readClients)
	if err != nil {
		return nil, fmt.Errorf("list the users of GPU %s: %w", gpu.ID, err)
	}
	return clients[gpu.PCI], nil
}

// readProcesses reads KFD's list of processes. The folder of a process is no
// use yet: tools that only look get one too. Memory or a queue is.
func readProcesses(v *view) processes {
	pids, err := v.list(processesDir)
	if err != nil {
		return processes{why: "who uses it is not known: " + because("kfd/proc", err)}
	}
	found := processes{of: map[uint64][]aim.GPUUser{}}
	for _, pid := range numbered(pids, "") {
		held := readHeld(v, processesDir+"/"+strconv.Itoa(pid))
		if len(held) == 0 {
			continue
		}
		name := processName(v, pid)
		for id, vram := range held {
			found.of[id] = append(found.of[id], aim.GPUUser{PID: pid, Name: name, Bytes: vram})
		}
	}
	return found
}

// readHeld returns the VRAM a process holds, in bytes by gpu_id; 0 where it has
// only queues. Files vanish when the process ends, which is no error.
func readHeld(v *view, dir string) map[uint64]uint64 {
	held := map[uint64]uint64{}
	names, _ := v.list(dir)
	for _, name := range names {
		text, ok := strings.CutPrefix(name, "vram_")
		id, isID := decimal([]byte(text))
		if !ok || !isID {
			continue
		}
		if n := v.number(dir + "/" + name); n.value > 0 {
			held[id] = n.value
		}
	}
	queues, _ := v.list(dir + "/queues")
	for _, queue := range queues {
		if id := v.number(dir + "/queues/" + queue + "/gpuid"); id.known() {
			held[id.value] += 0 // a queue alone is a use of 0 bytes
		}
	}
	return held
}

func processName(v *view, pid int) string {
	return v.text("proc/" + strconv.Itoa(pid) + "/comm").value
}
