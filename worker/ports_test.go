package worker

import (
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

func TestRuntimesByTheirSetting(t *testing.T) {
	n := &Node{cfg: settings.Node{Runtime: "process", Dir: t.TempDir()}, log: quiet()}
	if r, err := n.openRuntimes(t.Context()); err != nil || len(r) != 1 || r[0].Name() != "process" {
		t.Errorf("%v, %v", r, err)
	}
	if n.strangers != nil {
		t.Error("without Docker there is somebody to ask for strangers")
	}
	n.cfg.Runtime = "podman"
	if _, err := n.openRuntimes(t.Context()); aim.FailureOf(err) == nil || aim.FailureOf(err).Class != aim.ClassInput {
		t.Errorf("an unknown runtime: %v", err)
	}
	for name, b := range Backends() {
		if b.Name() != name {
			t.Errorf("backend %s is called %s", b.Name(), name)
		}
	}
}
