package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// world is what nodes would keep: their claims. It reports every change in
// order, as one node does.
type world struct {
	placer *Placer
	gpus   int // of each node

	mu     sync.Mutex
	claims map[string][]aim.Claim // by node
	errors []string
}

func (w *world) report(node string) {
	w.placer.Update([]aim.FleetNode{fleetNode(node, w.gpus, slices.Clone(w.claims[node])...)}, nil)
}

// claim is what a node does with a placement: a GPU that is held already was
// granted twice.
func (w *world) claim(req aim.PlacementRequest, rank aim.Rank) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, gpu := range rank.GPUs {
		for _, c := range w.claims[rank.Node] {
			if c.Holds(gpu) {
				w.errors = append(w.errors, fmt.Sprintf("%s was granted to %s and %s", gpu, c.Deployment, req.Deployment))
			}
		}
	}
	id := aim.Identity{Deployment: req.Deployment, UID: req.UID, Token: req.Token}
	w.claims[rank.Node] = append(w.claims[rank.Node], aim.Claim{Identity: id, GPUs: rank.GPUs})
	w.report(rank.Node)
}

func (w *world) release(req aim.PlacementRequest, node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.claims[node] = slices.DeleteFunc(w.claims[node], func(c aim.Claim) bool { return c.Token == req.Token })
	w.report(node)
}

// use waits for a turn, holds the GPUs and gives them back. A hasty one may
// give up in the middle of the wait.
func (w *world) use(ctx context.Context, req aim.PlacementRequest, hasty bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d, err := w.placer.Await(ctx, activities.PlaceRequest{PlacementRequest: req}, func(string) {
		if hasty {
			cancel()
		}
	})
	if hasty && errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil || d.Outcome != aim.Place {
		return fmt.Errorf("%s: %s, %w", req.Deployment, d, err)
	}
	rank := d.Placement.Ranks[0]
	w.claim(req, rank)
	w.release(req, rank.Node)
	return nil
}

// However waiting, updates and cancels fall together, no GPU is granted twice
// and everybody who stays has a turn.
func TestTurnsOnRandomQueues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{gpus: rapid.IntRange(1, 4).Draw(t, "gpus"), claims: map[string][]aim.Claim{}, placer: settledPlacer()}
		for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
			w.report(fmt.Sprint("n", i))
		}
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		var users sync.WaitGroup
		failed := make(chan error, 100)
		for i := range rapid.IntRange(1, 12).Draw(t, "requests") {
			req := wants(fmt.Sprint("d", i), rapid.IntRange(1, w.gpus).Draw(t, "wanted"), i)
			req.Priority = rapid.IntRange(0, 2).Draw(t, "priority")
			hasty := rapid.IntRange(0, 3).Draw(t, "hasty") == 0
			users.Go(func() {
				if err := w.use(ctx, req, hasty); err != nil {
					failed <- err
				}
			})
		}
		users.Wait()
		close(failed)
		for err := range failed {
			t.Errorf("a turn was lost: %v", err)
		}
		if len(w.errors) > 0 {
			t.Errorf("%q", w.errors)
		}
		if waiting := len(w.placer.waiting); waiting != 0 {
			t.Errorf("%d are still waited for", waiting)
		}
	})
}
