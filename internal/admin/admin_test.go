package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/limit"
	"github.com/aim-engine/aim/internal/store"
)

func start(t *testing.T) *Client {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(s, "right", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { server.Run(ctx); close(done) }()
	h := httptest.NewServer(server)
	t.Cleanup(func() { h.Close(); cancel(); <-done; _ = s.Close() })
	server.SetDeployments([]access.Deployment{{Name: "m", Serves: "org/m"}})
	return &Client{URL: h.URL, Token: "right"}
}

func TestAKeyIsShownOnceAndARevocationIsToldAtOnce(t *testing.T) {
	c, ctx := start(t), t.Context()
	made, err := c.CreateKey(ctx, access.Key{Name: "team-a", Limits: limit.Limits{RPM: 5}})
	if err != nil || !strings.HasPrefix(made.Secret, "aim-") || made.ID == "" || made.Limits.RPM != 5 {
		t.Fatalf("%+v %v", made, err)
	}
	if _, err := c.CreateKey(ctx, access.Key{Name: "team-a"}); !IsRefused(err) {
		t.Errorf("a second of that name: %v", err)
	}
	if _, err := c.CreateKey(ctx, access.Key{Name: "Team A"}); !IsRefused(err) {
		t.Errorf("a bad name: %v", err)
	}
	s, err := c.Snapshot(ctx, 0)
	if err != nil || len(s.Keys) != 1 || s.Keys[0].Hash != access.HashOf(made.Secret) || len(s.Deployments) != 1 {
		t.Fatalf("%+v %v", s, err)
	}
	again, err := c.RotateKey(ctx, "team-a")
	if err != nil || again.Secret == made.Secret || again.ID != made.ID {
		t.Fatalf("%+v %v", again, err)
	}
	if s, err = c.Snapshot(ctx, s.Version); err != nil || s.Keys[0].Hash != access.HashOf(again.Secret) {
		t.Fatalf("%+v %v", s, err)
	}
	told := make(chan access.Snapshot)
	began := time.Now()
	go func() {
		s, _ := c.Snapshot(ctx, s.Version)
		told <- s
	}()
	if err := c.RevokeKey(ctx, "team-a"); err != nil {
		t.Fatal(err)
	}
	if s := <-told; len(s.Keys) != 0 || time.Since(began) > time.Second {
		t.Errorf("%d keys after %s", len(s.Keys), time.Since(began))
	}
	if err := c.RevokeKey(ctx, "team-a"); !IsRefused(err) {
		t.Errorf("a second time: %v", err)
	}
	if v, err := c.VerifyAudit(ctx); err != nil || v.Entries != 3 || v.Broken != "" {
		t.Errorf("%+v %v", v, err)
	}
	if log, err := c.Audit(ctx, 0); err != nil || len(log) != 3 || strings.Contains(log[0].What, made.Secret) || log[0].By == "" {
		t.Errorf("%+v %v", log, err)
	}
}

func TestAliasesAreKeptAndCirclesRefused(t *testing.T) {
	c, ctx := start(t), t.Context()
	if err := c.SetAlias(ctx, access.Alias{Name: "org/chat", To: []access.Weight{{Name: "m", Weight: 1}}}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetAlias(ctx, access.Alias{Name: "m", To: []access.Weight{{Name: "org/chat", Weight: 1}}}); !IsRefused(err) {
		t.Errorf("a circle: %v", err)
	}
	if all, err := c.Aliases(ctx); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	if err := c.DeleteAlias(ctx, "org/chat"); err != nil {
		t.Error(err)
	}
}

func TestNobodyComesInWithoutTheToken(t *testing.T) {
	c := start(t)
	for _, token := range []string{"", "wrong", "righ"} {
		var r *Refused
		if _, err := (&Client{URL: c.URL, Token: token}).Keys(t.Context()); !errors.As(err, &r) || r.Status != 401 {
			t.Errorf("%q: %v", token, err)
		}
	}
	c.URL = "http://127.0.0.1:1"
	if _, err := c.Keys(t.Context()); err == nil || IsRefused(err) || !strings.Contains(err.Error(), "admin.url") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestUsageAndBudgetsGoThrough(t *testing.T) {
	c, ctx := start(t), t.Context()
	if err := c.AddUsage(ctx, []store.Usage{{ID: "1", At: time.Now(), Key: "a", Deployment: "m", Prompt: 3, Completion: 4}}); err != nil {
		t.Fatal(err)
	}
	if sums, err := c.SumUsage(ctx, store.ByKey, time.Time{}, time.Time{}); err != nil || len(sums) != 1 || sums[0].Prompt != 3 {
		t.Errorf("%+v %v", sums, err)
	}
	if g, err := c.Draw(ctx, limit.Draw{Key: "a", Kind: limit.Requests, Window: time.Now(), Limit: 10, Want: 4, AtLeast: 1, Holder: "g"}); err != nil || g != (limit.Grant{Granted: 4, Left: 6}) {
		t.Errorf("%+v %v", g, err)
	}
}
