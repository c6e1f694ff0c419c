package hub

import (
	"maps"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

func TestListAndRemove(t *testing.T) {
	url, rec := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	fetched(t, h, "org/b")
	fetched(t, h, "org/a")
	fetched(t, h, "bare")
	if models, err := h.List(); err != nil || !slices.Equal(slices.Sorted(maps.Keys(models)), []string{"bare", "org/a", "org/b"}) || models["org/a"] == 0 {
		t.Errorf("%v, %v", models, err)
	}
	for range 2 { // removing what is not there is no error
		if err := h.Remove(t.Context(), "org/a"); err != nil {
			t.Error(err)
		}
	}
	if models, err := h.List(); err != nil || !slices.Equal(slices.Sorted(maps.Keys(models)), []string{"bare", "org/b"}) {
		t.Errorf("%v, %v", models, err)
	}
	failure(t, h.Remove(t.Context(), h.cache), aim.ClassInput)
	before := rec.bytes(shard1)
	fetched(t, h, "org/a")
	if rec.bytes(shard1) == before {
		t.Error("nothing was removed")
	}
}

func TestRemoveWaitsForADownload(t *testing.T) {
	server := standin.New(only(standin.Model{ShardBytes: 100_000}))
	server.Inject(standin.Fault{Path: shard1, Rate: 200_000, Times: 1})
	url, rec := serve(t, server)
	h := newHub(t, url)
	done := make(chan error, 1)
	go func() { _, err := h.Fetch(t.Context(), model, "", nil); done <- err }()
	rec.until(t, "the download runs", func() bool { return rec.sent[shard1] > 0 })
	if err := h.Remove(t.Context(), model); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the download was disturbed: %v", err)
	}
	notComplete(t, h, model)
}
