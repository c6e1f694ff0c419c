package control

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

func TestARungSaysWhatIsFetchedBesidesItsModel(t *testing.T) {
	ladder := aim.Ladder{Rungs: []aim.Rung{
		{Number: 1, Recipe: "a", Why: "best", Model: "acme/Large", Backend: "vllm", Options: []aim.Option{
			{Name: "speculative-config", Value: `{"model":"acme/Draft","method":"eagle3"}`}, {Name: "tokenizer", Value: "other/Tokens"}}},
		{Number: 2, Recipe: "b", Why: "other", Model: "acme/Large", Backend: "sglang"},
	}}
	got, err := accompany(ladder, aim.DeploymentSpec{Model: "acme/Large"})
	if err != nil || len(got.Rungs) != 2 || len(got.Rungs[0].Companions) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if why := got.Rungs[0].Why; !strings.Contains(why, "acme/Draft is fetched too") || !strings.Contains(why, "other/Tokens is fetched too") {
		t.Errorf("why %q", why)
	}
	got, err = accompany(ladder, aim.DeploymentSpec{Model: "acme/Large", Adapters: []aim.Adapter{{Name: "sql", Model: "acme/lora", Revision: "v1"}}})
	if err != nil || len(got.Rungs) != 1 || len(got.Rejected) != 1 || !strings.Contains(got.Rejected[0].Why, "sglang") {
		t.Fatalf("%+v, %v", got, err)
	}
	want := aim.Companion{Kind: aim.CompanionAdapter, Model: "acme/lora", Revision: "v1", Name: "sql", Base: "acme/Large"}
	if c := got.Rungs[0].Companions; c[len(c)-1] != want {
		t.Errorf("%+v", c)
	}
}

func TestWhatCannotBeFetchedIsRefusedAtPlan(t *testing.T) {
	for _, c := range []struct {
		backend string
		option  aim.Option
	}{
		{"vllm", aim.Option{Name: "tokenizer", Value: "tokens"}},
		{"vllm", aim.Option{Name: "speculative-config", Value: `{"model":"../draft"}`}},
		{"vllm", aim.Option{Name: "lora-modules", Value: "x=acme/lora"}},
		{"sglang", aim.Option{Name: "tokenizer-path", Value: "tokens"}},
		{"sglang", aim.Option{Name: "lora-paths", Value: "x=acme/lora"}},
	} {
		_, err := accompany(aim.Ladder{Rungs: []aim.Rung{{Number: 1, Model: "acme/Large", Backend: c.backend, Options: []aim.Option{c.option}}}}, aim.DeploymentSpec{})
		if f := aim.FailureOf(err); f == nil || f.Class != aim.ClassInput || f.Hint == "" {
			t.Errorf("%s %+v: %v", c.backend, c.option, err)
		}
	}
	_, err := accompany(aim.Ladder{Rungs: []aim.Rung{{Number: 1, Model: "acme/Large", Backend: "tgi"}}},
		aim.DeploymentSpec{Model: "acme/Large", Adapters: []aim.Adapter{{Name: "x", Model: "acme/lora"}}})
	if f := aim.FailureOf(err); f == nil || f.Class != aim.ClassNoRecipe {
		t.Errorf("adapters without a server for them: %v", err)
	}
}
