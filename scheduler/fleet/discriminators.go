package fleet

import "slices"

// discriminators is what requests have asked for so far that divides nodes: labels,
// and amounts of disk and of free host memory. Only what somebody has asked for
// makes nodes different, so that ten thousand nodes with ten thousand different
// amounts of free disk still fall into few classes:
//
//	asked for so far: 100 GiB and 500 GiB of disk
//	free disk   40 GiB  80 GiB │ 130 GiB  420 GiB │ 700 GiB
//	rung          0       0    │    1        1    │    2
type discriminators struct {
	labels []Label
	hosts  []uint64 // bytes, rising
	disks  []uint64 // bytes, rising
}

// Label is one label that a selector asks for.
type Label struct{ Key, Value string }

// rungOf counts the sizes that so many bytes are enough for.
func rungOf(sizes []uint64, have uint64) int32 {
	i, found := slices.BinarySearch(sizes, have)
	if found {
		i++
	}
	return int32(i)
}

// add notes what a request asks for; changed tells that nodes have to be
// classified again.
func (d *discriminators) add(labels []Label, host, disk uint64) (changed bool) {
	for _, l := range labels {
		if d.find(l) < 0 {
			d.labels = append(d.labels, l)
			changed = true
		}
	}
	newHost, newDisk := addSize(&d.hosts, host), addSize(&d.disks, disk)
	return changed || newHost || newDisk
}

func addSize(sizes *[]uint64, size uint64) bool {
	if size == 0 {
		return false
	}
	i, found := slices.BinarySearch(*sizes, size)
	if !found {
		*sizes = slices.Insert(*sizes, i, size)
	}
	return !found
}

func (d *discriminators) find(l Label) int32 {
	return int32(slices.Index(d.labels, l))
}

// met lists the labels asked for that a node carries.
func (d *discriminators) met(labels map[string]string) []int32 {
	var met []int32
	for i, c := range d.labels {
		if v, ok := labels[c.Key]; ok && v == c.Value {
			met = append(met, int32(i))
		}
	}
	return met
}

// Discern makes nodes differ by what a request asks for: labels, free host memory
// and free disk.
func (f *Fleet) Discern(labels []Label, host, disk uint64) {
	if f.discriminators.add(labels, host, disk) {
		f.unsettled = true
	}
}

// DiscernAnew forgets what nodes differ by; who calls it calls Discern afterwards
// for everybody who still asks.
func (f *Fleet) DiscernAnew() {
	f.discriminators = discriminators{}
	f.unsettled = true
}

// LabelNumber is the number of a label in Class.Labels.
func (f *Fleet) LabelNumber(l Label) int32 { return f.discriminators.find(l) }

// HostRung and DiskRung are what Class.HostRung and Class.DiskRung have to be at
// least where so many bytes are free.
func (f *Fleet) HostRung(bytes uint64) int32 { return rungOf(f.discriminators.hosts, bytes) }

// DiskRung is HostRung for disk.
func (f *Fleet) DiskRung(bytes uint64) int32 { return rungOf(f.discriminators.disks, bytes) }

// Sizes is how many amounts of disk and of host memory nodes differ by.
func (f *Fleet) Sizes() int { return len(f.discriminators.disks) + len(f.discriminators.hosts) }
