package access

import (
	"errors"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/limit"
)

func TestAliasesAreReadAsTheyAreWritten(t *testing.T) {
	a, err := ParseAlias("chat=qwen3-32b:90,org/m:1:10,c")
	if err != nil || a.Name != "chat" || len(a.To) != 3 || a.To[0] != (Weight{"qwen3-32b", 90}) || a.To[1] != (Weight{"org/m:1", 10}) || a.To[2] != (Weight{"c", 1}) {
		t.Errorf("%+v %v", a, err)
	}
	for _, bad := range []string{"", "chat", "=x", "chat=", "chat=a:x", "chat=a:-1", "chat=a:1x", "chat=:1", "chat=a,,b"} {
		if a, err := ParseAlias(bad); err == nil {
			t.Errorf("%q is %+v", bad, a)
		}
	}
}

func TestAnAliasMayNotLeadToItself(t *testing.T) {
	others := []Alias{{"b", []Weight{{"c", 1}}}, {"c", []Weight{{"a", 1}, {"m", 1}}}, {"x", []Weight{{"x", 1}}}}
	if err := CheckCircle(Alias{"a", []Weight{{"b", 1}}}, others); !errors.Is(err, ErrCircle) {
		t.Errorf("a circle of three: %v", err)
	}
	if err := CheckCircle(Alias{"a", []Weight{{"a", 1}}}, nil); !errors.Is(err, ErrCircle) {
		t.Errorf("a circle of one: %v", err)
	}
	if err := CheckCircle(Alias{"d", []Weight{{"b", 1}, {"c", 1}}}, others[:1]); err != nil {
		t.Errorf("none: %v", err)
	}
}

func TestKeysSayWhatIsWrongWithThem(t *testing.T) {
	now := time.Now()
	good := Key{Name: "team-a", Models: []string{"org/*"}, Expires: now.Add(time.Hour)}
	if err := good.Validate(now); err != nil {
		t.Error(err)
	}
	for _, bad := range []Key{{}, {Name: "A b"}, {Name: "a", Models: []string{"["}}, {Name: "a", Expires: now}, {Name: "a", Limits: limit.Limits{TPM: -1}}} {
		if bad.Validate(now) == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	secret := good.NewSecret()
	if other := (&Key{}).NewSecret(); secret == other || good.Hash != HashOf(secret) || !good.May("org/m") || good.May("m") {
		t.Error("secrets")
	}
}
