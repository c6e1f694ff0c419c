package hub

import (
	"sync"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

// Fetches of one model share a download only where they share a hub.
func TestOneHubForEachToken(t *testing.T) {
	h := NewHubs(settings.Weights{Cache: t.TempDir(), HubOffline: true})
	got := make([]*Hub, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = h.Open([]string{"", "other"}[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[i%2] {
			t.Errorf("call %d got another hub than call %d", i, i%2)
		}
	}
	if got[0] == got[1] {
		t.Error("two tokens share a hub")
	}
}

func TestABadHubSettingIsTold(t *testing.T) {
	h := NewHubs(settings.Weights{Cache: t.TempDir(), HubEndpoint: "ftp://hub"})
	for range 2 {
		if _, err := h.Open(""); aim.FailureOf(err) == nil || aim.FailureOf(err).Class != aim.ClassInput {
			t.Errorf("error %v", err)
		}
	}
}
