package workflows

import (
	"errors"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

func runFetch(w *world, in FetchInput) (r FetchResult, err error) {
	w.env.ExecuteWorkflow(TypeFetch, in)
	if err := w.env.GetWorkflowError(); err != nil {
		var app *temporal.ApplicationError
		if errors.As(err, &app) {
			var f aim.Failure
			_ = app.Details(&f, &r) // an error without details fails the test by its class
		}
		return r, err
	}
	return r, w.env.GetWorkflowResult(&r)
}

func TestFetchBringsTheModelToEveryNodeOnce(t *testing.T) {
	w := newWorld(t, "fetch/m")
	r, err := runFetch(w, FetchInput{Model: "o/m", Nodes: []string{"n2", "n1", "n2"}})
	if err != nil || len(r.Nodes) != 2 || r.Nodes[0].Node != "n1" || r.Nodes[1].Node != "n2" {
		t.Fatalf("%+v, %v", r, err)
	}
	if w.count[activities.FetchModel] != 2 {
		t.Errorf("%d fetches, want 2", w.count[activities.FetchModel])
	}
}

// One node's failure is told with its class, and the others still finish.
func TestFetchTellsWhichNodeFailed(t *testing.T) {
	w := newWorld(t, "fetch/m")
	w.on[activities.FetchModel] = failing(1, aim.ClassAuth)
	r, err := runFetch(w, FetchInput{Model: "o/m", Nodes: []string{"n1", "n2"}})
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != string(aim.ClassAuth) {
		t.Fatalf("closed with %v", err)
	}
	fine := 0
	for _, n := range r.Nodes {
		if n.Failure == nil {
			fine++
		}
	}
	if len(r.Nodes) != 2 || fine != 1 {
		t.Errorf("outcomes %+v", r.Nodes)
	}
}

func TestFetchRefusesBadInput(t *testing.T) {
	for name, in := range map[string]FetchInput{
		"no nodes":     {Model: "o/m"},
		"no model":     {Nodes: []string{"n1"}},
		"a bad model":  {Model: "not a model", Nodes: []string{"n1"}},
		"a bad secret": {Model: "o/m", Nodes: []string{"n1"}, Secrets: map[string]string{"HF_TOKEN": "hf_value"}},
	} {
		w := newWorld(t, "fetch/m")
		_, err := runFetch(w, in)
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != string(aim.ClassInput) || w.count[activities.FetchModel] != 0 {
			t.Errorf("%s: %v after %d fetches", name, err, w.count[activities.FetchModel])
		}
	}
}

// The same wish is the same workflow, in whatever order its nodes are named.
func TestFetchIDIsOfTheWish(t *testing.T) {
	a := FetchID(FetchInput{Model: "o/m", Nodes: []string{"n1", "n2"}})
	if b := FetchID(FetchInput{Model: "o/m", Nodes: []string{"n2", "n1"}}); a != b {
		t.Errorf("%s and %s", a, b)
	}
	for _, other := range []FetchInput{{Model: "o/m", Nodes: []string{"n1"}}, {Model: "p/m", Nodes: []string{"n1", "n2"}}, {Model: "o/m", Revision: "x", Nodes: []string{"n1", "n2"}}} {
		if b := FetchID(other); a == b {
			t.Errorf("%+v has the same id %s", other, b)
		}
	}
}
