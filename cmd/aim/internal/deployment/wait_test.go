package deployment

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
)

func withReplicas(phase aim.Phase, phases ...aim.Phase) aim.Status {
	s := aim.Status{Name: "q", Model: "m/m", Revision: 2, Phase: phase, Reason: "because", Wanted: len(phases)}
	for i, p := range phases {
		s.Replicas = append(s.Replicas, aim.ReplicaStatus{Ordinal: i, Attempt: 1, Phase: p})
	}
	return s
}

func TestStuck(t *testing.T) {
	for _, c := range []struct {
		name   string
		status aim.Status
		want   bool
	}{
		{"none yet", withReplicas(aim.Pending), false},
		{"all ready", withReplicas(aim.Ready, aim.Ready), false},
		{"one on its way", withReplicas(aim.Degraded, aim.Failed, aim.Proving), false},
		{"one lost for good", withReplicas(aim.Degraded, aim.Ready, aim.Failed), true},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, stuck(c.status)) })
	}
}

func TestReadyIsReached(t *testing.T) {
	a := cli.New(cli.Streams{})
	for _, c := range []struct {
		name     string
		status   aim.Status
		revision int
		reached  bool
		wrong    string
	}{
		{"ready", withReplicas(aim.Ready, aim.Ready), 2, true, ""},
		{"ready with what was wanted before", withReplicas(aim.Ready, aim.Ready), 3, false, ""},
		{"on its way", withReplicas(aim.Pulling, aim.Pulling), 2, false, ""},
		{"degraded for now", withReplicas(aim.Degraded, aim.Ready, aim.Pending), 2, false, ""},
		{"degraded for good", withReplicas(aim.Degraded, aim.Ready, aim.Failed), 2, false, "because"},
		{"stopped by somebody", withReplicas(aim.Stopped, aim.Stopped), 2, false, "was stopped: because"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reached, err := ready(t.Context(), a, nil, c.revision)(c.status)
			require.Equal(t, c.reached, reached)
			if c.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.wrong)
			require.NotEmpty(t, cli.NextOf(err))
		})
	}
}

// A deployment that has failed ends with the exit code of its class, the class
// in the message, and a command that helps.
func TestFailedDeployment(t *testing.T) {
	a := cli.New(cli.Streams{})
	s := withReplicas(aim.Failed, aim.Failed)
	s.Replicas[0].Tries = []aim.Try{{Attempt: 3, Node: "n1", Class: aim.ClassOOM}}
	for _, c := range []struct {
		failure *aim.Failure
		code    int
		next    string
	}{
		{aim.Failf(aim.ClassCapacity, "no room"), 3, "aim plan m/m"},
		{aim.Failf(aim.ClassNoRecipe, "no recipe"), 3, "aim recipe list"},
		{aim.Failf(aim.ClassInput, "bad"), 2, "aim deploy --help"},
		{aim.Failf(aim.ClassOOM, "too big"), 1, "aim logs q --attempt 3"},
		{aim.Failf(aim.ClassAuth, "gated").WithHint("aim hint"), 1, "aim hint"},
		{nil, 1, "aim logs q --attempt 3"},
	} {
		err := deploymentFailed(a, c.failure, s)
		require.Equal(t, c.code, cli.CodeOf(err))
		require.Equal(t, c.next, cli.NextOf(err))
		require.ErrorContains(t, err, "deployment q failed")
	}
}

// A wait that was cut short says how to follow what goes on.
func TestStoppedWaiting(t *testing.T) {
	ctx, cancel := cli.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	err := stoppedWaiting(ctx, "q")
	require.Equal(t, cli.ExitTimeout, cli.CodeOf(err))
	require.ErrorContains(t, err, "after 1ns; what was asked for goes on")
	require.Equal(t, "aim status q --watch", cli.NextOf(err))
}

func TestAdvice(t *testing.T) {
	for phase, want := range map[aim.Phase]string{
		aim.Ready: "aim logs q", aim.Pulling: "aim status q --watch", aim.Stopped: "aim deploy m/q", aim.Failed: "aim events q",
	} {
		s := withReplicas(phase, phase)
		s.Model, s.Name = "m/q", "q"
		require.Equal(t, want, adviceFor(s))
	}
	require.Equal(t, "aim deploy m/m --name q", deployAgain(aim.Status{Model: "m/m", Name: "q"}))
}

func TestFindAttempt(t *testing.T) {
	s := withReplicas(aim.Ready, aim.Ready, aim.Placing)
	s.UID = "u1"
	s.Replicas[0] = aim.ReplicaStatus{Ordinal: 0, Attempt: 4, Node: "n2", Tries: []aim.Try{
		{Attempt: 1, Node: "n1"}, {Attempt: 2}, {Attempt: 3, Node: "n3"}}}
	for _, c := range []struct {
		name             string
		replica, attempt int
		node, wrong      string
		number           int
	}{
		{"the one at hand", 0, 0, "n2", "", 4},
		{"a finished one", 0, 1, "n1", "", 1},
		{"one that the status does not tell of", 0, 2, "", "", 2},
		{"one that never was", 0, 9, "", "there is no attempt 9", 0},
		{"a replica without one", 1, 0, "", "has had no server yet", 0},
		{"no such replica", 5, 0, "", "has no replica 5", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := findAttempt(s, c.replica, c.attempt)
			if c.wrong != "" {
				require.ErrorContains(t, err, c.wrong)
				require.NotEmpty(t, cli.NextOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, attempt{aim.Identity{Deployment: "q", UID: "u1", Ordinal: c.replica, Attempt: c.number}, c.node}, got)
		})
	}
	s.Replicas[0] = aim.ReplicaStatus{Ordinal: 0, Attempt: 4, Tries: s.Replicas[0].Tries}
	got, err := findAttempt(s, 0, 0)
	require.NoError(t, err)
	require.Equal(t, "n3", got.node, "while there is no place, the last server counts")
}

func TestEndpointsOf(t *testing.T) {
	s := withReplicas(aim.Degraded, aim.Ready, aim.Pulling)
	s.UID = "u1"
	s.Replicas[0].Endpoint, s.Replicas[0].Serves = "http://127.0.0.1:21000", "m/m"
	require.Equal(t, []aim.Endpoint{{
		Identity: aim.Identity{Deployment: "q", UID: "u1", Attempt: 1}, URL: "http://127.0.0.1:21000", Model: "m/m", Healthy: true,
	}}, endpointsOf([]aim.Status{s}))
}

func TestCurl(t *testing.T) {
	require.Equal(t,
		`curl http://127.0.0.1:21000/v1/chat/completions -H 'Content-Type: application/json' -d '{"model":"it'\''s","messages":[{"role":"user","content":"Say hello."}]}'`,
		curl(aim.ReplicaStatus{Endpoint: "http://127.0.0.1:21000", Serves: "it's"}))
}

// A context that ends is an interrupt, for every command that waits.
func TestInterrupt(t *testing.T) {
	clitest.Alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, stoppedWaiting(ctx, "x"), cli.ErrInterrupted)
	require.ErrorIs(t, cli.Pause(ctx, 1<<40), cli.ErrInterrupted)
}
