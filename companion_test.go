package aim

import (
	"strings"
	"testing"
)

func TestAnAdapterIsNamedAsNameAndRepository(t *testing.T) {
	for text, want := range map[string]Adapter{
		"sql=acme/sql-lora":            {Name: "sql", Model: "acme/sql-lora"},
		"sql-v2=acme/sql-lora@v2":      {Name: "sql-v2", Model: "acme/sql-lora", Revision: "v2"},
		"A.b_c=Acme_1/x.y-z@0123456ab": {Name: "A.b_c", Model: "Acme_1/x.y-z", Revision: "0123456ab"},
	} {
		if got, err := ParseAdapter(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "acme/sql", "=acme/sql", "a b=acme/sql", "sql=", "sql=bare", "sql=/etc", "sql=../x", "sql={\"a\":1}", "-x=acme/sql", strings.Repeat("x", 97) + "=a/b"} {
		if got, err := ParseAdapter(text); err == nil {
			t.Errorf("%q is taken: %+v", text, got)
		}
	}
}

func TestAdaptersThatCannotBeServedAreRefused(t *testing.T) {
	many := make([]Adapter, MaxAdapters+1)
	for name, s := range map[string]DeploymentSpec{
		"one name twice":    {Model: "a/b", Adapters: []Adapter{{Name: "x", Model: "a/c"}, {Name: "x", Model: "a/d"}}},
		"the model's name":  {Model: "a/b", ServedName: "x", Adapters: []Adapter{{Name: "x", Model: "a/c"}}},
		"the model itself":  {Model: "a/b", Adapters: []Adapter{{Name: "x", Model: "A/b"}}},
		"another backend":   {Model: "a/b", Backend: "tgi", Adapters: []Adapter{{Name: "x", Model: "a/c"}}},
		"too many":          {Model: "a/b", Adapters: many},
		"not a repository":  {Model: "a/b", Adapters: []Adapter{{Name: "x", Model: "/etc/passwd"}}},
		"without a name":    {Model: "a/b", Adapters: []Adapter{{Model: "a/c"}}},
		"a name with blank": {Model: "a/b", Adapters: []Adapter{{Name: "x y", Model: "a/c"}}},
	} {
		if err := s.Validate(); err == nil || FailureOf(err).Class != ClassInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (DeploymentSpec{Model: "a/b", Adapters: []Adapter{{Name: "x", Model: "a/c"}}}).Validate(); err != nil {
		t.Error(err)
	}
}
