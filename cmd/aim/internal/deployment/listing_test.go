package deployment

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	sdk "github.com/aim-engine/aim/client"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// readyRow is the row of a deployment of one replica on n1.
func readyRow(name string) sdk.Row {
	return sdk.Row{Settled: true, Status: aim.Status{Name: name, UID: "uid-" + name, Phase: aim.Ready, Since: noon.Add(-time.Hour), Wanted: 1,
		Replicas: []aim.ReplicaStatus{{Phase: aim.Ready, Node: "n1"}}}}
}

// serving is a node with an endpoint for each.
func serving(id string, names ...string) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID = id
	for i, name := range names {
		who := aim.Identity{Deployment: name, UID: "uid-" + name, Attempt: 2}
		n.Claims = append(n.Claims, aim.Claim{Identity: who})
		n.Endpoints = append(n.Endpoints, aim.Endpoint{Identity: who, URL: fmt.Sprintf("http://n1:%d", i), Healthy: true})
	}
	return n
}

func TestWhatIsSettledIsNotAsked(t *testing.T) {
	l := newListing([]sdk.Row{readyRow("a"), readyRow("b")}, aim.Fleet{Nodes: []aim.FleetNode{serving("n1", "a", "b")}})
	require.Empty(t, l.toAsk(10))
	require.Zero(t, l.take(nil, noon))
	all := l.statuses()
	require.Len(t, all, 2)
	require.Equal(t, "http://n1:1", all[1].Replicas[0].Endpoint)
	require.Equal(t, 2, all[1].Replicas[0].Attempt)
	require.Empty(t, all[0].Reason)
}

func TestWhatTheNodesTellOtherwiseIsAsked(t *testing.T) {
	sick, moved := serving("n1", "sick"), serving("n2", "moved")
	sick.Endpoints[0].Healthy = false
	other := serving("n1", "again")
	other.Endpoints[0].UID = "uid-of-one-before"
	waits := readyRow("waits")
	waits.Phase, waits.Settled, waits.Since = aim.Placing, false, noon
	l := newListing([]sdk.Row{readyRow("again"), readyRow("gone"), readyRow("moved"), readyRow("sick"), waits},
		aim.Fleet{Nodes: []aim.FleetNode{sick, moved, other, serving("n3", "unlisted")}})
	require.Equal(t, []string{"unlisted", "waits", "again", "gone", "moved", "sick"}, l.toAsk(10))
	require.Equal(t, []string{"unlisted", "waits"}, l.toAsk(2))

	l = newListing([]sdk.Row{readyRow("a")}, aim.Fleet{}) // no fleet: the list is believed
	require.Empty(t, l.toAsk(10))
}

// A list that is behind what deployments say themselves is told, and so is what could
// not be asked.
func TestAListThatIsBehindIsTold(t *testing.T) {
	starts := readyRow("starts")
	starts.Phase, starts.Settled = aim.Starting, false
	list := func() *listing {
		return newListing([]sdk.Row{readyRow("a"), starts}, aim.Fleet{Nodes: []aim.FleetNode{serving("n1", "a")}})
	}
	answer := func(phase aim.Phase, ago time.Duration) []aim.Status {
		return []aim.Status{{Name: "starts", UID: "uid-starts", Phase: phase, Since: noon.Add(-ago)}}
	}
	l := list()
	require.Zero(t, l.take(answer(aim.Ready, time.Second), noon), "moments are no delay")
	require.Empty(t, l.statuses()[0].Reason)
	l = list()
	require.Equal(t, time.Minute, l.take(answer(aim.Ready, time.Minute), noon))
	all := l.statuses()
	require.Equal(t, "as listed", all[0].Reason)
	require.Equal(t, aim.Ready, all[1].Phase)
	require.Empty(t, all[1].Reason, "it was asked")
	l = list()
	l.take([]aim.Status{{Name: "starts", Reason: "no control process answers"}}, noon)
	require.Equal(t, aim.Starting, l.statuses()[1].Phase)
	require.Contains(t, l.statuses()[1].Reason, "no control process answers")
	l = list()
	require.Equal(t, "as listed", l.statuses()[1].Reason, "it was not asked")
}
