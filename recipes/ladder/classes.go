package ladder

import (
	"math/bits"
	"slices"

	"github.com/aim-engine/aim"
)

// classes is a set of failure classes, a bit each. A ladder compares many
// candidates by what they mend.
type classes uint64

// numbered are the classes that a change of settings can mend, in the order of
// their names.
var numbered = []aim.FailureClass{
	aim.ClassArch, aim.ClassAttention, aim.ClassCapacity, aim.ClassDisk, aim.ClassExited, aim.ClassGPUFault, aim.ClassHostOOM,
	aim.ClassImage, aim.ClassInternal, aim.ClassKVNone, aim.ClassKVShort, aim.ClassLength, aim.ClassMissing, aim.ClassOOM, aim.ClassOption,
	aim.ClassParser, aim.ClassQuant, aim.ClassStart, aim.ClassTPBlock, aim.ClassTPHeads, aim.ClassTimeout, aim.ClassUnhealthy,
	aim.ClassWeights, aim.ClassWrongName, aim.ClassBroken, aim.ClassComm, aim.ClassHung,
}

// setOf leaves out what no change can mend.
func setOf(all ...aim.FailureClass) (set classes) {
	for _, class := range all {
		if i := slices.Index(numbered, class); i >= 0 {
			set |= 1 << i
		}
	}
	return set
}

// list is the classes by name.
func (c classes) list() []aim.FailureClass {
	all := make([]aim.FailureClass, 0, bits.OnesCount64(uint64(c)))
	for ; c != 0; c &= c - 1 {
		all = append(all, numbered[bits.TrailingZeros64(uint64(c))])
	}
	slices.Sort(all)
	return all
}
