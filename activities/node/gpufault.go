package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// blameGPUs looks at the GPUs of a server that has ended. One that is sick or
// gone is the cause where the log tells none. After a fault of a GPU all GPUs of
// the server are put into quarantine, since the runtime does not say reliably
// which it was; they come out by rule, when they have been healthy and unused for
// a while. That leaves the node's other GPUs to the next attempt.
func (n *Node) blameGPUs(server aim.Server, f *aim.Failure) *aim.Failure {
	d, err := n.Rescan(n.life)
	if err != nil {
		return f
	}
	// The kernel kills the processes of a hive that it resets, which looks like
	// running out of host memory.
	guess := f.Class == aim.ClassStart || f.Class == aim.ClassHostOOM
	if sick := sickGPUs(d, server.GPUs); sick != "" && guess {
		f.Class, f.Guess, f.Why = aim.ClassGPUFault, false, fmt.Sprintf("%s; %s", sick, f.Why)
	}
	if f.Class != aim.ClassGPUFault {
		return f
	}
	why := map[string]string{}
	for _, id := range server.GPUs {
		why[id] = fmt.Sprintf("%s ended with a GPU fault: %s", server.ReplicaName(), f.Why)
	}
	if _, err := n.quarantine(why); err != nil {
		n.opts.Log.Error("could not put GPUs into quarantine", "gpus", strings.Join(server.GPUs, " "), "error", err)
	}
	if others := hiveMates(d, server, n.ports.Ledger.Claims()); len(others) > 0 {
		f.Why += fmt.Sprintf("; a reset takes all GPUs of the hive with it, so %s on node %s may end too", strings.Join(others, ", "), n.opts.ID)
	}
	return f
}

// sickGPUs says what is wrong with these GPUs, "" for nothing.
func sickGPUs(d aim.Detection, ids []string) string {
	var all []string
	for _, id := range ids {
		g, ok := findGPU(d, id)
		switch {
		case !ok:
			all = append(all, "GPU "+id+" is gone")
		case g.Health == aim.HealthUnhealthy:
			all = append(all, "GPU "+id+" is unhealthy: "+g.HealthReason)
		}
	}
	return strings.Join(all, "; ")
}

// hiveMates are the other replicas whose GPUs are reset together with the
// server's: the driver resets a hive as one.
func hiveMates(d aim.Detection, server aim.Server, claims []aim.Claim) (names []string) {
	hives := func(ids []string) (all []string) {
		for _, g := range d.GPUs {
			if g.Hive != "" && slices.Contains(ids, g.ID) {
				all = append(all, g.Hive)
			}
		}
		return all
	}
	mine := hives(server.GPUs)
	for _, c := range claims {
		near := slices.ContainsFunc(hives(c.GPUs), func(hive string) bool { return slices.Contains(mine, hive) })
		if near && !c.Same(server.Identity) && !slices.Contains(names, c.ReplicaName()) {
			names = append(names, c.ReplicaName())
		}
	}
	return names
}
