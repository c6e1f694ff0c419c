package ownership

import (
	"context"
	"os"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/workflows"
)

func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }

func deployment(t *testing.T, c client.Client, name string) (uid string) {
	t.Helper()
	return servertest.Begin(t, c, workflows.DeploymentID(name), workflows.TypeDeployment, nil)
}

func replica(t *testing.T, c client.Client, name string, owner *aim.Owner) {
	t.Helper()
	servertest.Begin(t, c, workflows.ReplicaID(name, 0), workflows.TypeReplica, func(o *client.StartWorkflowOptions) {
		if owner != nil {
			o.Memo = map[string]any{workflows.MemoOwner: *owner}
		}
	})
}

// What Temporal says about a claim of attempt 3, by what runs.
func TestOwner(t *testing.T) {
	c := servertest.Get(t).Dial(t)
	for name, k := range map[string]struct {
		begin func(t *testing.T, name string) (uid string)
		owned bool
		why   string
	}{
		"running": {func(t *testing.T, name string) string {
			uid := deployment(t, c, name)
			replica(t, c, name, &aim.Owner{UID: uid, Attempt: 3, Token: "t3"})
			return uid
		}, true, ""},
		"not-found": {func(*testing.T, string) string { return "u" }, false, "deployment not-found has ended"},
		"closed": {func(t *testing.T, name string) string {
			uid := deployment(t, c, name)
			replica(t, c, name, &aim.Owner{UID: uid, Attempt: 3, Token: "t3"})
			servertest.End(t, c, workflows.DeploymentID(name))
			return uid
		}, false, "deployment closed has ended"},
		"other-uid": {func(t *testing.T, name string) string { // the name is used again
			uid := deployment(t, c, name)
			replica(t, c, name, &aim.Owner{UID: uid, Attempt: 3, Token: "t3"})
			return "an earlier one"
		}, false, "deployment other-uid has ended"},
		"replica-closed": {func(t *testing.T, name string) string {
			uid := deployment(t, c, name)
			replica(t, c, name, &aim.Owner{UID: uid, Attempt: 3, Token: "t3"})
			servertest.End(t, c, workflows.ReplicaID(name, 0))
			return uid
		}, false, "the workflow of replica replica-closed/0 has ended"},
		"no-replica": {func(t *testing.T, name string) string { return deployment(t, c, name) }, false, "the workflow of replica no-replica/0 has ended"},
		"other-token": {func(t *testing.T, name string) string {
			uid := deployment(t, c, name)
			replica(t, c, name, &aim.Owner{UID: uid, Attempt: 4, Token: "t4"})
			return uid
		}, false, "attempt 4 owns replica other-token/0 now"},
		"replica-of-other-uid": {func(t *testing.T, name string) string {
			replica(t, c, name, &aim.Owner{UID: "an earlier one", Attempt: 3, Token: "t3"})
			return deployment(t, c, name)
		}, false, "attempt 3 owns replica replica-of-other-uid/0 now"},
		"no-attempt": {func(t *testing.T, name string) string {
			replica(t, c, name, nil)
			return deployment(t, c, name)
		}, false, "replica no-attempt/0 has no attempt yet"},
	} {
		t.Run(name, func(t *testing.T) {
			id := aim.Identity{Deployment: name, UID: k.begin(t, name), Attempt: 3, Token: "t3"}
			got, err := Temporal{c}.Owner(t.Context(), id)
			if err != nil || got.Owned != k.owned || got.Why != k.why {
				t.Errorf("%+v, %v; want owned %v, %q", got, err, k.owned, k.why)
			}
		})
	}
}

// Nobody to ask is no answer: the error changes nothing on the node.
func TestOwnerWithoutTemporal(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got, err := (Temporal{c}).Owner(ctx, aim.Identity{Deployment: "a"}); err == nil || got.Owned || got.Why != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
