package place

import (
	"fmt"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// rule turns a node away, or lets it pass.
type rule struct {
	name string
	// check returns 0 to let nodes of a class pass, or in which of its ways the
	// rule is broken. lasting: an empty node of this make would be turned away too.
	check func(s *RequestClass, c *fleet.Class, o *offer) (way int, lasting bool)
	// text says what is wrong, to be read after "1 node" and "3 nodes" alike.
	text func(s *RequestClass, c *fleet.Class, way int) string
}

// The rules by number.
const (
	ruleLabels = iota
	ruleRuntime
	ruleType
	ruleMemory
	ruleCount
	ruleShares
	ruleCPUs
	ruleHost
	ruleAvoid
	ruleLiveness
	ruleCordon
	ruleFree
	ruleReserved
	ruleDisk
)

// rules are all checked for every class. A node is counted under its first
// lasting failure, or else its first: what can never be mended says more than
// what may pass. The order is from the nature of the machine to its use.
var rules = [...]rule{
	ruleLabels:   {"labels", checkLabels, textLabels},
	ruleRuntime:  {"runtime", checkRuntime, textRuntime},
	ruleType:     {"type", checkType, textType},
	ruleMemory:   {"memory per GPU", checkMemory, textMemory},
	ruleCount:    {"GPUs", checkCount, textCount},
	ruleShares:   {"shares", checkShares, textShares},
	ruleCPUs:     {"CPUs", checkCPUs, textCPUs},
	ruleHost:     {"host memory", checkHost, textHost},
	ruleAvoid:    {"avoid", checkNode, nil},
	ruleLiveness: {"liveness", checkLiveness, textLiveness},
	ruleCordon:   {"cordon", checkCordon, textCordon},
	ruleFree:     {"free GPUs", checkFree, textFree},
	ruleReserved: {"reserved", checkReserved, textReserved},
	ruleDisk:     {"disk", checkDisk, textDisk},
}

// isRoom tells whether a rule is broken only until others leave; just a node that
// fails nothing else is worth reserving for somebody who waits.
func isRoom(rule int) bool {
	return rule == ruleCPUs || rule == ruleHost || rule == ruleReserved || rule == ruleFree
}

// checkNode is for rules about single nodes, which no class can answer: see
// Run.odd.
func checkNode(*RequestClass, *fleet.Class, *offer) (int, bool) { return 0, false }

// checkLabels answers with the first label that is missing. It is not lasting: a label
// is set by a command, and a node that has it may come.
func checkLabels(s *RequestClass, c *fleet.Class, _ *offer) (int, bool) {
	for i, id := range s.ids {
		if !slices.Contains(c.Labels, id) {
			return i + 1, false
		}
	}
	return 0, false
}

func textLabels(s *RequestClass, _ *fleet.Class, way int) string {
	l := s.labels[way-1]
	return "not labelled " + l.Key + "=" + l.Value
}

// checkRuntime is not lasting: a Docker daemon that is being restarted is back
// in a moment.
func checkRuntime(s *RequestClass, c *fleet.Class, _ *offer) (int, bool) {
	switch {
	case len(c.Runtimes) == 0:
		return 1, false
	case s.runtime != "" && !slices.Contains(c.Runtimes, s.runtime):
		return 2, false
	}
	return 0, false
}

func textRuntime(s *RequestClass, _ *fleet.Class, way int) string {
	if way == 1 {
		return "without a runtime that works"
	}
	return "without the " + s.runtime + " runtime"
}

func checkType(s *RequestClass, c *fleet.Class, o *offer) (int, bool) {
	switch {
	case !s.needsGPU():
		return 0, false
	case len(c.Pools) == 0:
		return 1, !s.typeAsked
	case o.ofType == 0:
		return 2, !s.typeAsked
	case o.ofKind == 0:
		return 3, true
	}
	return 0, false
}

func textType(s *RequestClass, _ *fleet.Class, way int) string {
	switch way {
	case 1:
		return "without GPUs"
	case 2:
		return "without " + s.typesText() + " GPUs"
	}
	return "without GPUs of the kind that the other ranks use (" + s.kind.String() + ")"
}

func checkMemory(s *RequestClass, _ *fleet.Class, o *offer) (int, bool) {
	if o.ofKind > 0 && o.suitable == 0 {
		return 1, true
	}
	return 0, false
}

func textMemory(s *RequestClass, _ *fleet.Class, _ int) string {
	return "with less than " + bytesText(max(s.vram, s.share)) + " of memory per GPU"
}

func checkCount(s *RequestClass, _ *fleet.Class, o *offer) (int, bool) {
	switch {
	case o.suitable == 0 || o.pool != nil:
		return 0, false
	case o.suitable >= s.perRank():
		return 1, true
	}
	return 2, true
}

func textCount(s *RequestClass, _ *fleet.Class, way int) string {
	if way == 1 {
		return fmt.Sprintf("with %d GPUs only in different partition modes", s.gpus)
	}
	return fmt.Sprintf("with fewer than %s in all", s.gpusText())
}

// checkShares is lasting: whose machine it is has decided so.
func checkShares(s *RequestClass, c *fleet.Class, o *offer) (int, bool) {
	if s.share > 0 && o.suitable > 0 && !c.Shares {
		return 1, true
	}
	return 0, false
}

func textShares(*RequestClass, *fleet.Class, int) string { return "whose GPUs may not be shared" }

// checkCPUs lets a node pass that does not tell its CPUs; so does checkHost.
func checkCPUs(s *RequestClass, c *fleet.Class, _ *offer) (int, bool) {
	switch {
	case c.Spare >= s.cpus-c.HeldCPUs:
		return 0, false
	case c.CPUs < s.cpus:
		return 1, true
	}
	return 2, false
}

func textCPUs(s *RequestClass, _ *fleet.Class, way int) string {
	if way == 1 {
		return fmt.Sprintf("with fewer than %d CPUs", s.cpus)
	}
	return fmt.Sprintf("with fewer than %d unclaimed CPUs", s.cpus)
}

// checkHost looks at what is claimed and at what is in use: a server that has
// only just started does not use its share yet, a stranger claims nothing.
func checkHost(s *RequestClass, c *fleet.Class, o *offer) (int, bool) {
	switch {
	case s.host == 0 || c.HostBytes == 0:
		return 0, false
	case c.HostBytes < s.host:
		return 1, true
	case c.Host < s.host-min(s.host, c.HeldBytes):
		return 2, false
	case c.HostRung < o.hostRung:
		return 3, false
	}
	return 0, false
}

func textHost(s *RequestClass, _ *fleet.Class, way int) string {
	what := [...]string{1: "host memory", 2: "unclaimed host memory", 3: "free host memory"}[way]
	return "with less than " + bytesText(s.host) + " of " + what
}

func checkLiveness(_ *RequestClass, c *fleet.Class, _ *offer) (int, bool) {
	switch c.Liveness {
	case "":
		return 0, false
	case aim.Silent:
		return 1, false
	case aim.Away:
		return 2, false
	}
	return 3, false
}

func textLiveness(_ *RequestClass, c *fleet.Class, _ int) string { return string(c.Liveness) }

func checkCordon(_ *RequestClass, c *fleet.Class, _ *offer) (int, bool) {
	if c.Cordoned {
		return 1, false
	}
	return 0, false
}

func textCordon(*RequestClass, *fleet.Class, int) string { return "cordoned" }

func checkFree(s *RequestClass, _ *fleet.Class, o *offer) (int, bool) {
	if o.pool != nil && o.free+o.held < s.perRank() {
		return 1, false
	}
	return 0, false
}

func textFree(s *RequestClass, _ *fleet.Class, _ int) string {
	switch {
	case s.share > 0:
		return "without " + bytesText(s.share) + " left on one GPU"
	case s.gpus == 1:
		return "with no free GPU"
	}
	return fmt.Sprintf("with fewer than %d free GPUs", s.gpus)
}

// checkReserved is broken where only what is held for another is missing. Its way is
// the number of that other.
func checkReserved(s *RequestClass, c *fleet.Class, o *offer) (int, bool) {
	gpus := o.pool != nil && o.free < s.perRank() && o.free+o.held >= s.perRank()
	cpus := c.Spare < s.cpus && c.Spare >= s.cpus-c.HeldCPUs
	host := c.Host < s.host && c.Host >= s.host-min(s.host, c.HeldBytes)
	if gpus || cpus || host {
		return int(c.HeldFor), false
	}
	return 0, false
}

func textReserved(_ *RequestClass, c *fleet.Class, _ int) string {
	return "where what has become free is reserved for " + c.For + ", which comes first"
}

// checkDisk is not asked of nodes that hold the weights already: they are what
// needs the space.
func checkDisk(_ *RequestClass, c *fleet.Class, o *offer) (int, bool) {
	if c.DiskRung < o.diskRung {
		return 1, false
	}
	return 0, false
}

func textDisk(s *RequestClass, _ *fleet.Class, _ int) string {
	return "with less than " + bytesText(s.disk) + " of free disk"
}
