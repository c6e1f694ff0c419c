package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
	"github.com/aim-engine/aim/recipes"
)

func control(t *testing.T, nodes ...aim.FleetNode) *Control {
	t.Helper()
	catalogue, err := recipes.Load()
	if err != nil {
		t.Fatal(err)
	}
	return &Control{Catalogue: catalogue, Placer: settledPlacer(nodes...)}
}

func controlEnv(c *Control) *testsuite.TestActivityEnvironment {
	return activitytest.Env(func(e activitytest.Registry) { c.Register(e); c.RegisterPlacing(e) })
}

func TestSelectRecipes(t *testing.T) {
	c := control(t, fleetNode("n1", 8))
	sel := func(spec aim.DeploymentSpec) (activities.SelectResult, error) {
		return activitytest.Execute[activities.SelectResult](controlEnv(c), activities.SelectRecipes, activities.SelectRequest{Spec: spec})
	}
	res, err := sel(aim.DeploymentSpec{Model: "meta-llama/Llama-3.1-8B-Instruct"})
	if err != nil || len(res.Ladder.Rungs) == 0 || res.Ladder.Rungs[0].Image == "" {
		t.Errorf("ladder %+v, %v", res.Ladder, err)
	}
	_, err = sel(aim.DeploymentSpec{Model: "meta-llama/Llama-3.1-8B-Instruct", Replicas: -1})
	activitytest.Failure(t, err, aim.ClassInput, "replicas")
	_, err = sel(aim.DeploymentSpec{Model: "meta-llama/Llama-3.1-9B-Instruct"})
	activitytest.Failure(t, err, aim.ClassNoRecipe, "meta-llama/Llama-3.1-8B-Instruct")
}

func TestPlaceActivity(t *testing.T) {
	c := control(t, fleetNode("n1", 1))
	res, err := activitytest.Execute[activities.PlaceResult](controlEnv(c), activities.Place, activities.PlaceRequest{PlacementRequest: wants("a", 1, 1)})
	if err != nil || res.Outcome != aim.Place || res.Placement.Ranks[0].GPUs[0] != gpuOf("n1", 0) {
		t.Errorf("%+v, %v", res, err)
	}
}

// turn runs AwaitTurn; told is closed when a heartbeat has told why it waits.
func turn(c *Control, stop chan struct{}) (told <-chan string, ended <-chan error) {
	env := controlEnv(c)
	env.SetWorkerStopChannel(stop)
	why, end := make(chan string, 1), make(chan error, 1)
	var once sync.Once
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var p aim.Progress
		if details.Get(&p) == nil && p.Note != "" {
			once.Do(func() { why <- p.Note })
		}
	})
	go func() {
		res, err := activitytest.Execute[activities.PlaceResult](env, activities.AwaitTurn, activities.PlaceRequest{PlacementRequest: wants("a", 1, 1)})
		if err == nil && res.Outcome != aim.Place {
			err = fmt.Errorf("its turn is %s", res.Outcome)
		}
		end <- err
	}()
	return why, end
}

func TestAwaitTurnTellsWhyItWaits(t *testing.T) {
	c := control(t, fleetNode("n1", 1, holds("n1", 0)))
	told, ended := turn(c, make(chan struct{}))
	if why := <-told; !strings.HasPrefix(why, "1 of 1 in the queue: no node fits") {
		t.Errorf("it is told %q", why)
	}
	c.Placer.Update([]aim.FleetNode{fleetNode("n1", 1)}, nil)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A control process that stops does not keep its waiting requests to itself.
func TestAwaitTurnIsHandedOver(t *testing.T) {
	c := control(t, fleetNode("n1", 1, holds("n1", 0)))
	stop := make(chan struct{})
	told, ended := turn(c, stop)
	<-told
	close(stop)
	activitytest.Retried(t, <-ended)
	if _, waits := c.Placer.waits("token-of-a"); waits {
		t.Error("it still has its place in this process's queue")
	}
}

func TestLeadLastsUntilItsWorkerStops(t *testing.T) {
	c := control(t)
	leading := make(chan struct{})
	c.Leading = func(ctx context.Context) error {
		close(leading)
		<-ctx.Done()
		return ctx.Err()
	}
	env, stop, ended := controlEnv(c), make(chan struct{}), make(chan error, 1)
	env.SetWorkerStopChannel(stop)
	go func() { _, err := activitytest.Execute[any](env, activities.Lead, nil); ended <- err }()
	<-leading
	close(stop)
	activitytest.Retried(t, <-ended)

	c.Leading = func(context.Context) error { return errors.New("cannot poll") }
	_, err := activitytest.Execute[any](controlEnv(c), activities.Lead, nil)
	activitytest.Retried(t, err, "cannot poll")
}

// TestOnlyTheLeaderPlaces: of two controls, the one that does not lead answers no
// question of placement, so that nobody overtakes those who wait with the other.
func TestOnlyTheLeaderPlaces(t *testing.T) {
	registered := func(register func(*recorder)) []string {
		var r recorder
		register(&r)
		return r
	}
	c := control(t, fleetNode("n1", 1))
	everybody := registered(func(r *recorder) { c.Register(r) })
	leader := registered(func(r *recorder) { c.RegisterPlacing(r) })
	if slices.Contains(everybody, activities.Place) || slices.Contains(everybody, activities.AwaitTurn) {
		t.Errorf("every control answers %v", everybody)
	}
	if !slices.Contains(leader, activities.Place) || !slices.Contains(leader, activities.AwaitTurn) {
		t.Errorf("the leader answers only %v", leader)
	}
}

// recorder notes the names of activities.
type recorder []string

func (r *recorder) RegisterActivityWithOptions(_ any, o activity.RegisterOptions) {
	*r = append(*r, o.Name)
}
