package scheduler

import "slices"

// book keeps what requests have asked for so far that divides nodes: labels,
// and amounts of disk and of free host memory. Only what somebody has asked for
// makes nodes different, so that ten thousand nodes with ten thousand different
// amounts of free disk still fall into few classes.
type book struct {
	conditions []condition
	hosts      []uint64 // bytes, rising
	disks      []uint64 // bytes, rising
}

// condition is one label that a selector asks for.
type condition struct{ key, value string }

// rungOf counts the sizes that this many bytes are enough for.
func rungOf(sizes []uint64, have uint64) int32 {
	i, found := slices.BinarySearch(sizes, have)
	if found {
		i++
	}
	return int32(i)
}

// note adds what a shape asks for; changed tells that nodes have to be
// classified again.
func (b *book) note(s *shape) (changed bool) {
	for _, l := range s.labels {
		if b.find(l) < 0 {
			b.conditions = append(b.conditions, l)
			changed = true
		}
	}
	host, disk := noteSize(&b.hosts, s.host), noteSize(&b.disks, s.disk)
	return changed || host || disk
}

func noteSize(sizes *[]uint64, size uint64) bool {
	if size == 0 {
		return false
	}
	i, found := slices.BinarySearch(*sizes, size)
	if !found {
		*sizes = slices.Insert(*sizes, i, size)
	}
	return !found
}

func (b *book) find(c condition) int32 {
	return int32(slices.Index(b.conditions, c))
}

// passes lists the conditions that these labels meet.
func (b *book) passes(labels map[string]string) []int32 {
	var met []int32
	for i, c := range b.conditions {
		if v, ok := labels[c.key]; ok && v == c.value {
			met = append(met, int32(i))
		}
	}
	return met
}
