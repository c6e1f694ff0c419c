package node

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/aim-engine/aim"
)

// Uncorrectable errors take a GPU out of placement when they grow beyond what an
// operator has accepted (`aim node clear`). What was counted is kept in the state
// file, because the counters are not: a reset of the GPU may clear them, and the
// GPU is no better for it. A reboot is the cure: the driver then takes bad pages
// out of use, and counts afresh.

// rememberErrors keeps what the GPUs have counted. Nearly always that is nothing.
func (n *Node) rememberErrors(gpus []aim.GPU) {
	state := n.ports.Ledger.State()
	if len(state.Errors) == 0 && !slices.ContainsFunc(gpus, func(g aim.GPU) bool { return len(g.Errors) > 0 }) {
		return
	}
	boot := n.ports.Machine().BootID
	if reflect.DeepEqual(countedErrors(state.Errors, gpus, boot), state.Errors) {
		return
	}
	_, err := n.editState(func(s *aim.NodeState) { s.Errors = countedErrors(s.Errors, gpus, boot) })
	if err != nil {
		n.opts.Log.Error("could not keep the error counters of the GPUs", "error", err)
	}
}

// countedErrors adds what is counted now to what was known. Another boot's counts
// are dropped. A count below what was accepted is that of a driver that has
// started again: it is new.
func countedErrors(known map[string]aim.GPUErrors, gpus []aim.GPU, boot string) map[string]aim.GPUErrors {
	var all map[string]aim.GPUErrors
	for board, e := range known {
		if e.BootID == boot {
			all = put(all, board, aim.GPUErrors{BootID: boot, Seen: maps.Clone(e.Seen), Accepted: maps.Clone(e.Accepted)})
		}
	}
	for _, g := range gpus {
		for block, count := range g.Errors {
			e := all[g.Board()]
			e.BootID = boot
			if count < e.Accepted[block] {
				delete(e.Accepted, block)
				delete(e.Seen, block)
			}
			e.Seen = put(e.Seen, block, max(count, e.Seen[block]))
			all = put(all, g.Board(), e)
		}
	}
	return all
}

func put[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

// acceptErrors makes what these GPUs count now the level that only more errors
// exceed.
func (n *Node) acceptErrors(s *aim.NodeState, ids []string) {
	n.mu.Lock()
	gpus := n.detection.GPUs
	n.mu.Unlock()
	for _, g := range gpus {
		if !slices.Contains(ids, g.ID) {
			continue
		}
		delete(s.Errors, g.Board())
		if len(g.Errors) > 0 {
			s.Errors = put(s.Errors, g.Board(), aim.GPUErrors{
				BootID: n.ports.Machine().BootID, Seen: maps.Clone(g.Errors), Accepted: maps.Clone(g.Errors)})
		}
	}
}

// showErrors keeps a GPU out of placement whose counters have been cleared by
// something else than a person or a reboot.
func showErrors(gpus []aim.GPU, known map[string]aim.GPUErrors) {
	for i := range gpus {
		g := &gpus[i]
		e := known[g.Board()]
		for _, block := range slices.Sorted(maps.Keys(e.Seen)) {
			if g.Health == aim.HealthOK && e.Seen[block] > e.Accepted[block] {
				g.Health = aim.HealthUnhealthy
				g.HealthReason = fmt.Sprintf("ras/%s_err_count had ue %d since the machine was booted, and was reset since; reboot it, or accept that with aim node clear",
					block, e.Seen[block])
			}
		}
	}
}
