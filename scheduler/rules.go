package scheduler

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aim-engine/aim"
)

// rule turns a node away, or lets it pass.
type rule struct {
	name string
	// check returns "" to let the node pass, or what is wrong with it, to be
	// read after "1 node" and "3 nodes" alike. lasting: an empty node of this
	// make would be turned away too.
	check func(w wish, v *view, o offer) (text string, lasting bool)
	// cure says what would make the node pass when nothing else is wrong with
	// it, and what that costs; "" where nothing short of another machine would.
	cure func(w wish, a assessment) (text string, cost int)
}

// failure is a rule that turned a node away.
type failure struct {
	rule    int // in rules
	text    string
	lasting bool
}

// rules are all checked for every node. A node is counted under its first
// lasting failure, or else its first: what can never be mended says more than
// what may pass. The order is from the nature of the machine to its use.
var rules = []rule{
	{"labels", checkLabels, cureLabels},
	{"runtime", checkRuntime, cureRuntime},
	{"type", checkType, noCure},
	{"memory per GPU", checkMemory, noCure},
	{"GPUs", checkCount, noCure},
	{"CPUs", checkCPUs, cureCPUs},
	{"host memory", checkHost, cureHost},
	{"avoid", checkAvoid, cureAvoid},
	{"liveness", checkLiveness, cureLiveness},
	{"cordon", checkCordon, cureCordon},
	{"kept", checkKept, cureKept},
	{"free GPUs", checkFree, cureFree},
	{"disk", checkDisk, cureDisk},
}

// roomRules are the failures that end by themselves when others leave; only a
// node that fails nothing else is worth keeping for somebody who waits.
var roomRules = []string{"CPUs", "host memory", "kept", "free GPUs"}

// wrong returns the failure that a node is counted under.
func (a assessment) wrong() failure {
	for _, f := range a.failures {
		if f.lasting {
			return f
		}
	}
	return a.failures[0]
}

func checkLabels(w wish, v *view, _ offer) (string, bool) {
	for _, key := range slices.Sorted(maps.Keys(w.Selector)) {
		if got, ok := v.node.Labels[key]; !ok || got != w.Selector[key] {
			return fmt.Sprintf("not labelled %s=%s", key, w.Selector[key]), true
		}
	}
	return "", false
}

// checkRuntime is not lasting: a Docker daemon that is being restarted is back
// in a moment.
func checkRuntime(w wish, v *view, _ offer) (string, bool) {
	switch {
	case len(v.node.Runtimes) == 0:
		return "without a runtime that works", false
	case w.Runtime != "" && !slices.Contains(v.node.Runtimes, w.Runtime):
		return "without the " + w.Runtime + " runtime", false
	}
	return "", false
}

func checkType(w wish, v *view, o offer) (string, bool) {
	switch {
	case len(v.node.GPUs) == 0:
		return "without GPUs", true
	case o.ofType == 0:
		return "without " + w.GPUType + " GPUs", true
	case o.ofKind == 0:
		return "without GPUs of the kind that the other ranks use (" + w.kind.String() + ")", true
	}
	return "", false
}

func checkMemory(w wish, _ *view, o offer) (string, bool) {
	if o.ofKind > 0 && o.suitable == 0 {
		return "with less than " + bytesText(w.VRAMBytes) + " of memory per GPU", true
	}
	return "", false
}

func checkCount(w wish, _ *view, o offer) (string, bool) {
	switch {
	case o.suitable == 0 || o.pool != nil:
		return "", false
	case o.suitable >= w.GPUs:
		return fmt.Sprintf("with %d GPUs only in different partition modes", w.GPUs), true
	}
	return fmt.Sprintf("with fewer than %s in all", gpusText(w)), true
}

// checkCPUs lets a node pass that does not tell its CPUs; so does checkHost.
func checkCPUs(w wish, v *view, _ offer) (string, bool) {
	n := v.node
	switch {
	case n.CPUs == 0 || n.CPUs >= w.CPUs+n.ClaimCPUs:
		return "", false
	case n.CPUs < w.CPUs:
		return fmt.Sprintf("with fewer than %d CPUs", w.CPUs), true
	}
	return fmt.Sprintf("with fewer than %d unclaimed CPUs", w.CPUs), false
}

// checkHost looks at what is claimed and at what is in use: a server that has
// only just started does not use its share yet, a stranger claims nothing.
func checkHost(w wish, v *view, _ offer) (string, bool) {
	n := v.node
	switch {
	case n.HostBytes == 0 || w.HostBytes == 0:
		return "", false
	case n.HostBytes < w.HostBytes:
		return "with less than " + bytesText(w.HostBytes) + " of host memory", true
	case n.HostBytes < w.HostBytes+n.ClaimBytes:
		return "with less than " + bytesText(w.HostBytes) + " of unclaimed host memory", false
	case n.HostFree != 0 && n.HostFree < w.HostBytes:
		return "with less than " + bytesText(w.HostBytes) + " of free host memory", false
	}
	return "", false
}

// checkAvoid is lasting: earlier attempts have learnt that it does not work there.
func checkAvoid(w wish, v *view, _ offer) (string, bool) {
	if why, ok := w.Avoid[v.node.ID]; ok {
		return "avoided: " + why, true
	}
	return "", false
}

func checkLiveness(_ wish, v *view, _ offer) (string, bool) {
	if l := v.node.Liveness; l != aim.Alive && l != "" {
		return string(l), false
	}
	return "", false
}

func checkCordon(_ wish, v *view, _ offer) (string, bool) {
	if v.node.Cordon != "" {
		return "cordoned", false
	}
	return "", false
}

func checkKept(w wish, v *view, _ offer) (string, bool) {
	if who, ok := w.kept[v.node.ID]; ok {
		return "kept for " + who + ", which comes first", false
	}
	return "", false
}

func checkFree(w wish, _ *view, o offer) (string, bool) {
	if o.pool != nil && o.free < w.GPUs {
		return fmt.Sprintf("with fewer than %d free %s", w.GPUs, plural(w.GPUs, "GPU", "GPUs")), false
	}
	return "", false
}

// checkDisk passes a node that holds the weights already: they are what needs
// the space.
func checkDisk(w wish, v *view, _ offer) (string, bool) {
	if w.DiskBytes > v.node.DiskFree && !hasModel(w, v) {
		return "with less than " + bytesText(w.DiskBytes) + " of free disk", false
	}
	return "", false
}

func hasModel(w wish, v *view) bool { return w.Model != "" && slices.Contains(v.node.Models, w.Model) }
func hasImage(w wish, v *view) bool { return w.Image != "" && slices.Contains(v.node.Images, w.Image) }
