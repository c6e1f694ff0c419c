package temporal

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/settings"
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

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
