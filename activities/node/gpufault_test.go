package node

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/activitytest"
)

// A GPU fault keeps the GPU out of placement until it has been well for a while,
// leaves the node's others alone, and tells who shares the hive.
func TestAGPUFaultFencesTheGPU(t *testing.T) {
	t.Parallel()
	b := newBox(t, 3)
	b.mustClaim(identity("neighbour"), b.gpu(1))
	b.mustServe(identity("a"), "gpu_fault=2s")
	f := activitytest.Failure(t, watch(b, identity("a")).wait(t), aim.ClassGPUFault)
	if !strings.Contains(f.Why, "neighbour/0 on node n1 may end too") {
		t.Errorf("it does not tell of the hive: %s", f.Why)
	}
	if health, why := b.health(); health != aim.HealthQuarantined || !strings.Contains(why, "a/0 ended with a GPU fault") {
		t.Errorf("the GPU is %s because %q", health, why)
	}
	if _, err := b.stop(identity("a")); err != nil {
		t.Fatal(err)
	}
	if err := b.release(identity("a")); err != nil {
		t.Fatal(err)
	}
	_, err := b.claim(identity("b"), b.gpu(0))
	activitytest.Failure(t, err, aim.ClassRefused, "quarantined")
	b.mustClaim(identity("c"), b.gpu(2))
	now := time.Now()
	for _, later := range []time.Duration{0, cleanFor} {
		if err := b.Scan(t.Context(), now.Add(later)); err != nil {
			t.Fatal(err)
		}
	}
	b.mustClaim(identity("b"), b.gpu(0))
}

// A server that dies without a word on a GPU that is sick or gone has died of it.
func TestDeathByASickGPU(t *testing.T) {
	for name, plant := range map[string]func(b *box) error{
		"is unhealthy: ras/umc_err_count has ue 2": func(b *box) error { return b.tree.PlantError(b.tree.GPUs()[0], "umc", 2, 0) },
		"is gone": func(b *box) error { return b.tree.RemoveGPU(b.tree.GPUs()[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 2)
			b.mustServe(identity("a"), "")
			if err := plant(b); err != nil {
				t.Fatal(err)
			}
			watching := watch(b, identity("a"))
			b.signal(identity("a"), syscall.SIGKILL)
			activitytest.Failure(t, watching.wait(t), aim.ClassGPUFault, "the server was killed", b.gpu(0)+" "+name)
		})
	}
}
