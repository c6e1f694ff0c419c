package node

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
	"github.com/aim-engine/aim/internal/amdgpu"
)

// counting lets the reader know what the node's ledger accepts, as agents do.
func counting(b *box) {
	b.ports.GPUs = amdgpu.New(b.tree.Root(), amdgpu.WithBaseline(func() amdgpu.Baseline {
		accepted := amdgpu.Baseline{}
		for board, e := range b.ledger.State().Errors {
			accepted[board] = e.Accepted
		}
		return accepted
	}))
}

func (b *box) plant(ue uint64) {
	b.t.Helper()
	if err := b.tree.PlantError(b.tree.GPUs()[0], "umc", ue, 0); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.Rescan(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// health is that of the first GPU, in the inventory.
func (b *box) health() (aim.Health, string) {
	g := b.Inventory().GPUs[0]
	return g.Health, g.HealthReason
}

func (b *box) checkHealth(when string, want aim.Health, says string) {
	b.t.Helper()
	if health, why := b.health(); health != want || !strings.Contains(why, says) {
		b.t.Errorf("%s: %s because %q, want %s because %q", when, health, why, want, says)
	}
}

// An error keeps a GPU out of placement until a person accepts it or the machine
// is rebooted: neither a cleared counter nor another agent makes it good.
func TestErrorsAreRemembered(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2, counting)
	b.plant(3)
	b.checkHealth("counted", aim.HealthUnhealthy, "umc_err_count has ue 3")
	b.plant(0)
	b.checkHealth("cleared by a reset", aim.HealthUnhealthy, "had ue 3 since the machine was booted")
	_, err := b.claim(identity("a"), b.gpu(0))
	activitytest.Failure(t, err, aim.ClassRefused, "unhealthy", "had ue 3")
	b.restart("boot-1")
	b.checkHealth("with another agent", aim.HealthUnhealthy, "had ue 3")

	b.ports.Machine = func() aim.Machine { return aim.Machine{BootID: "boot-2"} }
	b.restart("boot-2")
	b.checkHealth("after a reboot", aim.HealthOK, "")
	b.plant(1)
	b.checkHealth("the first error of that boot", aim.HealthUnhealthy, "has ue 1")
}

// What a person has accepted stays accepted, whatever happens to the agent; only
// more is news.
func TestAcceptedErrors(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2, counting)
	b.plant(3)
	if _, err := call[activities.SetNodeResult](b, activities.SetNode, activities.SetNodeRequest{Unquarantine: []string{b.gpu(0)}}); err != nil {
		t.Fatal(err)
	}
	b.checkHealth("accepted", aim.HealthOK, "")
	b.restart("boot-1")
	b.checkHealth("with another agent", aim.HealthOK, "")
	b.plant(4)
	b.checkHealth("one more", aim.HealthUnhealthy, "has ue 4, accepted were 3")
}

func TestCountedErrors(t *testing.T) {
	of := func(boot string, seen, accepted uint64) map[string]aim.GPUErrors {
		e := aim.GPUErrors{BootID: boot, Seen: map[string]uint64{"umc": seen}}
		if accepted > 0 {
			e.Accepted = map[string]uint64{"umc": accepted}
		}
		return map[string]aim.GPUErrors{"g": e}
	}
	for name, c := range map[string]struct {
		known map[string]aim.GPUErrors
		now   uint64
		want  map[string]aim.GPUErrors
	}{
		"first":                         {nil, 2, of("b", 2, 0)},
		"none":                          {nil, 0, nil},
		"more":                          {of("b", 2, 0), 5, of("b", 5, 0)},
		"cleared":                       {of("b", 2, 0), 0, of("b", 2, 0)},
		"of an earlier boot":            {of("a", 2, 2), 0, nil},
		"as many as in an earlier boot": {of("a", 2, 2), 2, of("b", 2, 0)},
		"accepted":                      {of("b", 2, 2), 2, of("b", 2, 2)},
		"anew under what was accepted":  {of("b", 5, 5), 1, map[string]aim.GPUErrors{"g": {BootID: "b", Seen: map[string]uint64{"umc": 1}, Accepted: map[string]uint64{}}}},
	} {
		gpus := []aim.GPU{{ID: "g/0"}, {ID: "g/1"}} // partitions show the errors of their GPU
		if c.now > 0 {
			gpus[0].Errors, gpus[1].Errors = map[string]uint64{"umc": c.now}, map[string]uint64{"umc": c.now}
		}
		if got := countedErrors(c.known, gpus, "b"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
