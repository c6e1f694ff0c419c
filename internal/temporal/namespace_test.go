package temporal

import (
	"os"
	"strings"
	"testing"

	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/workflows"
)

func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }

func TestNamespacesAreCheckedAtTheStart(t *testing.T) {
	c := servertest.Get(t).Dial(t)
	if id, err := NamespaceID(t.Context(), c, "default"); err != nil || id == "" {
		t.Errorf("namespace default is %q, %v", id, err)
	}
	if _, err := NamespaceID(t.Context(), c, "missing"); err == nil || !strings.Contains(err.Error(), "temporal operator namespace create missing") {
		t.Errorf("no namespace: %v", err)
	}
	if err := CheckAttributes(t.Context(), c, "default", workflows.SearchAttributes()); err != nil {
		t.Error(err)
	}
	// Temporal's own namespace has none of ours.
	err := CheckAttributes(t.Context(), c, "temporal-system", workflows.SearchAttributes())
	for name, kind := range workflows.SearchAttributes() {
		if want := "--name " + name + " --type " + kind; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want the command with %q", err, want)
		}
	}
}
