package amdgpu

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aim-engine/aim"
)

// idleBytes is the VRAM that firmware and driver hold on a GPU that nobody uses
// (measured: 284 MiB on MI300X and MI308X). foreignBytes beyond that is use by
// somebody; less is driver bookkeeping or a console.
const (
	idleBytes    = 284 << 20
	foreignBytes = 1 << 30
)

// setBusy reports who uses the GPU. Memory that KFD explains by a process is
// that process's; memory that nobody explains is somebody's all the same. A
// figure of the whole GPU accuses a partition only while no partition has a user.
func (s *survey) setBusy(g *aim.GPU, b *board, n *kfdNode) {
	if n.gpuID.known() {
		g.Busy = busy(s.users.of[g.KFDID])
	}
	ofDevice := g.Partitions == 1 || b.tellsPartitions()
	if g.Busy == nil && g.VRAMUsedBytes != nil && (ofDevice || !s.hasUsers(b)) {
		g.Busy = unexplained(*g.VRAMUsedBytes)
		if named := busy(s.clients[g.PCI]); named != nil && g.Busy != nil {
			g.Busy.Who = named.Who
		}
	}
	if g.Busy == nil && s.users.why != "" {
		note(g, "busy", s.users.why)
	}
}

// tellsPartitions is true when KFD's memory in use is that of each partition:
// drivers that repeat the figure of the whole GPU give the same everywhere.
func (b *board) tellsPartitions() bool {
	first := b.nodes[0].used
	differs := false
	for _, n := range b.nodes {
		if !n.used.known() {
			return false
		}
		differs = differs || n.used.value != first.value
	}
	return differs
}

// busy puts the users of a GPU into words, the largest first; nil for none.
func busy(users []aim.GPUUser) *aim.Busy {
	if len(users) == 0 {
		return nil
	}
	users = slices.Clone(users)
	slices.SortStableFunc(users, func(a, b aim.GPUUser) int { return cmp.Compare(b.Bytes, a.Bytes) })
	b := &aim.Busy{Who: fmt.Sprintf("process %d", users[0].PID)}
	if users[0].Name != "" {
		b.Who += " (" + users[0].Name + ")"
	}
	if more := len(users) - 1; more > 0 {
		b.Who += fmt.Sprintf(" and %d more", more)
	}
	for _, u := range users {
		b.Bytes += u.Bytes
	}
	return b
}

// unexplained is the use of a GPU that no process explains: nil when it is near
// the idle level.
func unexplained(used uint64) *aim.Busy {
	if used <= idleBytes+foreignBytes {
		return nil
	}
	return &aim.Busy{Who: "unknown", Bytes: used - idleBytes}
}

// unexplainedUse tells whether a GPU has memory in use and no process to it.
func (s *survey) unexplainedUse() bool {
	return slices.ContainsFunc(s.boards, func(b *board) bool {
		used := b.device.used.or(b.nodes[0].used)
		return used.value > idleBytes+foreignBytes && !s.hasUsers(b)
	})
}

func (s *survey) hasUsers(b *board) bool {
	return slices.ContainsFunc(b.nodes, func(n *kfdNode) bool {
		return n.gpuID.known() && len(s.users.of[n.gpuID.value]) > 0
	})
}
