package devserver_test

import (
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/aim-engine/aim/devserver"
)

func TestParseSearchAttribute(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want devserver.SearchAttribute
		err  string // part of it
	}{
		{in: "Model=Keyword", want: devserver.SearchAttribute{Name: "Model", Type: enumspb.INDEXED_VALUE_TYPE_KEYWORD}},
		{in: "GPUs=KeywordList", want: devserver.SearchAttribute{Name: "GPUs", Type: enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST}},
		{in: "n_1=Int", want: devserver.SearchAttribute{Name: "n_1", Type: enumspb.INDEXED_VALUE_TYPE_INT}},
		{in: "Model", err: "write Name=Type"},
		{in: "=Keyword", err: "starts with a letter"},
		{in: "a-b=Keyword", err: "letters, digits and _"},
		{in: "Model=keyword", err: "the type is one of"},
		{in: "Model=Unspecified", err: "the type is one of"},
		{in: "WorkflowId=Keyword", err: "Temporal uses the name"},
		{in: "TemporalX=Keyword", err: "Temporal uses the name"},
		{in: "Keyword01=Keyword", err: "column of the database"},
	} {
		got, err := devserver.ParseSearchAttribute(tc.in)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: error %v, want %q", tc.in, err, tc.err)
			}
			continue
		}
		if err != nil || got != tc.want || got.String() != tc.in {
			t.Errorf("%s: %v, %v", tc.in, got, err)
		}
	}
}

func TestSearchAttributesCanBeListedAndAskedFor(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, "--dir", dir, "--search-attribute", "Model=Keyword")
	startCollect(t, dial(t, first), "one", model.ValueSet("m1"))
	first.stop()

	// What exists stays, what is new is added and works at once.
	p := serve(t, "--dir", dir, "--search-attribute", "GPUs=KeywordList", "--search-attribute", "Model=Keyword")
	c := dial(t, p)
	startCollect(t, c, "two", model.ValueSet("m1"), gpus.ValueSet([]string{"g0", "g1"}))
	startCollect(t, c, "three", model.ValueSet("m2"), gpus.ValueSet([]string{"g1"}))
	for query, want := range map[string][]string{
		`Model="m1"`:                  {"one", "two"},
		`Model="m2"`:                  {"three"},
		`GPUs="g1"`:                   {"three", "two"},
		`GPUs="g0" AND Model="m1"`:    {"two"},
		`Model="m1" AND GPUs IS NULL`: {"one"},
	} {
		eventuallyListed(t, c, query, want...)
	}
	p.stop()

	code, stderr := refused(t, "--dir", dir, "--search-attribute", "Model=Int")
	if code != 1 || !strings.Contains(stderr, "Model is Keyword already") {
		t.Errorf("asked for another type: exit code %d, %s", code, stderr)
	}
}

func TestSearchAttributesThatDoNotFitAreRefused(t *testing.T) {
	var args []string
	for _, name := range []string{"A", "B", "C", "D"} { // there are 3 columns
		args = append(args, "--search-attribute", name+"=Int")
	}
	code, stderr := refused(t, args...)
	if code != 1 || !strings.Contains(stderr, "add search attribute D=Int: all 3 columns") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
