package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
)

func TestLabelsAreRead(t *testing.T) {
	got, err := readLabels([]string{"rack=r9", "trial-", "note=a=b"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"rack": "r9", "trial": "", "note": "a=b"}, got)
	for _, bad := range [][]string{{"rack"}, {"rack="}, {"node=n7"}, {"node-"}, {"a=1", "a=2"}} {
		_, err := readLabels(bad)
		require.Error(t, err, bad)
	}
}

// Clearing is refused where it would change nothing, with what would.
func TestClearingIsRefusedWhereItDoesNotHelp(t *testing.T) {
	vram, minor := uint64(1), 128
	gpu := func(id string) aim.GPU {
		return aim.GPU{ID: id, Health: aim.HealthOK, VRAMBytes: &vram, RenderMinor: &minor}
	}
	busy, ill, counted, held := gpu("busy"), gpu("ill"), gpu("counted"), gpu("held")
	busy.Busy = &aim.Busy{Who: "process 41 (python3)"}
	ill.Health, ill.HealthReason = aim.HealthUnhealthy, "it does not answer"
	counted.Health, counted.Errors = aim.HealthUnhealthy, map[string]uint64{"umc": 3}
	held.Health, held.HealthReason = aim.HealthQuarantined, "memory stayed in use"
	n := aim.FleetNode{Node: aim.Node{ID: "n1"}}
	n.GPUs = []aim.GPU{gpu("well"), busy, ill, counted, held}
	require.NoError(t, refuseUseless(n, []string{"counted", "held"}))
	require.ErrorContains(t, refuseUseless(n, []string{"held", "busy"}), "end it on n1")
	require.ErrorContains(t, refuseUseless(n, []string{"ill"}), "it does not answer")
	require.ErrorContains(t, refuseUseless(n, []string{"well"}), "nothing to clear")
}
