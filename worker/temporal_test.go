package worker

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/workflows"
)

func TestDialSaysWhatToDo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Dial(ctx, settings.Temporal{Address: "127.0.0.1:1", Namespace: "default"}, "test", nil, quiet())
	if err == nil || !strings.Contains(err.Error(), "cannot reach Temporal at 127.0.0.1:1") || !strings.Contains(err.Error(), "aim up") {
		t.Errorf("error %v", err)
	}
}

func TestBadCertificatesAreTold(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	rubbish := filepath.Join(t.TempDir(), "rubbish.pem")
	if err := os.WriteFile(rubbish, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		temporal settings.Temporal
		want     string
	}{
		{settings.Temporal{TLSCert: missing, TLSKey: missing}, "read Temporal's client certificate"},
		{settings.Temporal{TLSCA: missing}, "read Temporal's CA"},
		{settings.Temporal{TLSCA: rubbish}, "no certificate in " + rubbish},
	} {
		if _, err := Dial(t.Context(), c.temporal, "test", nil, quiet()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.temporal, err, c.want)
		}
	}
	if none, err := tlsConfig(settings.Temporal{}); none != nil || err != nil {
		t.Errorf("without certificates: %v, %v", none, err)
	}
}

func TestNamespacesAreCheckedAtTheStart(t *testing.T) {
	s := server(t)
	c := s.dial(t)
	if id, err := namespaceID(t.Context(), c, "default"); err != nil || id == "" {
		t.Errorf("namespace default is %q, %v", id, err)
	}
	if _, err := namespaceID(t.Context(), c, "missing"); err == nil || !strings.Contains(err.Error(), "temporal operator namespace create missing") {
		t.Errorf("no namespace: %v", err)
	}
	if err := checkAttributes(t.Context(), c, "default"); err != nil {
		t.Error(err)
	}
	// Temporal's own namespace has none of ours.
	err := checkAttributes(t.Context(), c, "temporal-system")
	for name, kind := range workflows.SearchAttributes() {
		if want := "--name " + name + " --type " + kind; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want the command with %q", err, want)
		}
	}
}
