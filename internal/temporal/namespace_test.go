package temporal

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/workflows"
)

func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }

func TestNamespacesAreCheckedAtTheStart(t *testing.T) {
	c := servertest.Get(t).Dial(t)
	if id, err := NamespaceID(t.Context(), c, "default"); err != nil || id == "" {
		t.Errorf("namespace default is %q, %v", id, err)
	}
	_, err := NamespaceID(t.Context(), c, "missing")
	wantNext(t, err, "aim setup --temporal-namespace missing")
	wantNext(t, Check(t.Context(), c, "missing", nil), "aim setup --temporal-namespace missing")
	if err := Check(t.Context(), c, "default", workflows.SearchAttributes()); err != nil {
		t.Error(err)
	}
	// Temporal's own namespace has none of ours.
	err = Check(t.Context(), c, "temporal-system", workflows.SearchAttributes())
	wantNext(t, err, "aim setup --temporal-namespace temporal-system")
	for name := range workflows.SearchAttributes() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q in it", err, name)
		}
	}
}

func wantNext(t *testing.T, err error, next string) {
	t.Helper()
	var f *aim.Failure
	if !errors.As(err, &f) || f.Hint != next {
		t.Errorf("error %v, want the next command %q", err, next)
	}
}

// On a real server: a namespace is made and can be used at once; a second time there is
// nothing to do; one that somebody else has made gets what it lacks and keeps the rest.
func TestSetup(t *testing.T) {
	c := servertest.Get(t).Dial(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := Wanted{Namespace: "setup", Attributes: workflows.SearchAttributes()}
	wantSteps(t, ctx, w, MakeNamespace, AddAttributes)
	if err := Check(ctx, c, "setup", w.Attributes); err != nil {
		t.Error(err)
	}
	wantSteps(t, ctx, w)
	w.Retention = 24 * time.Hour
	if _, err := Setup(ctx, c, w, nil); err == nil || !strings.Contains(err.Error(), "deleted at once") {
		t.Errorf("a shorter retention: %v", err)
	}
	w.Retention = 240 * time.Hour
	wantSteps(t, ctx, w, RaiseRetention)

	foreign := Wanted{Namespace: "foreign", Retention: 72 * time.Hour, Attributes: map[string]string{"Theirs": "Int", "AimGPUs": "Keyword"}}
	wantSteps(t, ctx, foreign, MakeNamespace, AddAttributes)
	w = Wanted{Namespace: "foreign", Attributes: workflows.SearchAttributes()}
	if _, err := Setup(ctx, c, w, nil); err == nil || !strings.Contains(err.Error(), "AimGPUs of namespace \"foreign\" is a Keyword and has to be a KeywordList") {
		t.Errorf("an attribute of another type: %v", err)
	}
	have, err := Look(ctx, c, "foreign")
	if err != nil || len(have.Attributes) != 2 || have.Retention != 72*time.Hour {
		t.Errorf("after a refusal: %+v, %v", have, err)
	}
}

func wantSteps(t *testing.T, ctx context.Context, w Wanted, want ...StepKind) {
	t.Helper()
	done, err := Setup(ctx, servertest.Get(t).Dial(t), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []StepKind
	for _, s := range done {
		kinds = append(kinds, s.Kind)
	}
	if len(kinds) != len(want) {
		t.Fatalf("did %v, want %v", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("did %v, want %v", kinds, want)
		}
	}
}

func TestServersAreJudged(t *testing.T) {
	c := servertest.Get(t).Dial(t)
	version, err := ServerVersion(t.Context(), c)
	if err != nil || older(version, OldestServer) {
		t.Errorf("version %q, %v", version, err)
	}
	have, err := Look(t.Context(), c, "default")
	if err != nil {
		t.Fatal(err)
	}
	if lacks := have.Lacks(version); len(lacks) > 0 {
		t.Errorf("the newest server lacks %v", lacks)
	}
	if lacks := (Namespace{}).Lacks("1.20.3"); len(lacks) != 3 || !lacks[1].Needed {
		t.Errorf("an old one that can do nothing lacks %v", lacks)
	}
	for v, is := range map[string]bool{"1.26.9": true, "1.27.0": false, "1.100": false, "2.0.1": false, "0.9": true, "": false, "test": false, "v1.2.3": true} {
		if older(v, OldestServer) != is {
			t.Errorf("%q older than %s: %v", v, OldestServer, !is)
		}
	}
}
