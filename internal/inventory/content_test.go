package inventory

import (
	"testing"

	"github.com/aim-engine/aim"
)

func usedNode(hostFree, diskFree uint64, used *uint64) aim.Node {
	return aim.Node{
		HostBytes: 64 << 30, HostFree: hostFree, DiskFree: diskFree,
		Detection: aim.Detection{GPUs: []aim.GPU{{ID: "g", Health: aim.HealthOK, VRAMUsedBytes: used}}},
	}
}

func TestWhichNumbersAreNews(t *testing.T) {
	bytes := func(n uint64) *uint64 { return &n }
	was := usedNode(32<<30, 100<<30, bytes(284<<20))
	for _, tc := range []struct {
		name string
		now  aim.Node
		news bool
	}{
		{"noise", usedNode(32<<30-500<<20, 100<<30+1<<29, bytes(300<<20)), false},
		{"host memory", usedNode(30<<30, 100<<30, bytes(284<<20)), true},
		{"disk", usedNode(32<<30, 98<<30, bytes(284<<20)), true},
		{"somebody uses the GPU", usedNode(32<<30, 100<<30, bytes(2<<30)), true},
		{"use can no longer be read", usedNode(32<<30, 100<<30, nil), true},
	} {
		got := steady(was, tc.now)
		same := got.HostFree == was.HostFree && got.DiskFree == was.DiskFree &&
			got.GPUs[0].VRAMUsedBytes != nil && *got.GPUs[0].VRAMUsedBytes == *was.GPUs[0].VRAMUsedBytes
		if same == tc.news {
			t.Errorf("%s: news = %v, want %v", tc.name, !same, tc.news)
		}
	}
	if *was.GPUs[0].VRAMUsedBytes != 284<<20 {
		t.Error("the published node was changed")
	}
}

// TestASlowDriftIsNews: many small steps add up, since they are compared with
// what was published and not with the step before.
func TestASlowDriftIsNews(t *testing.T) {
	published := usedNode(0, 100<<30, nil)
	n := 0
	for free := uint64(100 << 30); free > 90<<30; free -= 100 << 20 {
		next := steady(published, usedNode(0, free, nil))
		if next.DiskFree != published.DiskFree {
			n++
		}
		published = next
	}
	if n < 8 || n > 10 || published.DiskFree > 91<<30 {
		t.Errorf("10 GiB in steps of 100 MiB were told %d times, last as %d", n, published.DiskFree)
	}
}

func TestFlags(t *testing.T) {
	ok := aim.GPU{Health: aim.HealthOK}
	bad := aim.GPU{Health: aim.HealthQuarantined}
	for want, n := range map[Flags]aim.Node{
		0:                           {Detection: aim.Detection{GPUs: []aim.GPU{ok}}},
		FlagDraining:                {Cordon: "upgrade", Detection: aim.Detection{GPUs: []aim.GPU{ok}}},
		FlagDegraded:                {Detection: aim.Detection{GPUs: []aim.GPU{ok, bad}}},
		FlagDegraded | FlagDraining: {Cordon: "x", Detection: aim.Detection{GPUs: []aim.GPU{bad}}},
	} {
		if got := flagsOf(n); got != want {
			t.Errorf("flags of %+v = %b, want %b", n, got, want)
		}
	}
}
