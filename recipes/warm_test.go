package recipes_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aim-engine/aim"
)

// A catalogue that is in use sees files that come, change and go.
func TestTheCatalogueFollowsItsFolders(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": tiny("a", "config: {max_model_len: 1000}\n")})
	c := load(t, dir)
	length := func() string {
		l, err := c.Ladder(aim.DeploymentSpec{Model: "acme/tiny"}, aim.Fleet{})
		if err != nil {
			return aim.FailureOf(err).Error()
		}
		for _, o := range l.Rungs[0].Options {
			if o.Name == "max-model-len" {
				return l.Rungs[0].Recipe + " " + o.Value
			}
		}
		return "no length"
	}
	if got := length(); got != "a 1000" {
		t.Fatalf("rung 1 is %s", got)
	}
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error {
			return os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(tiny("a", "config: {max_model_len: 20000}\n")), 0o600)
		}, "a 20000"},
		{func() error {
			return os.WriteFile(filepath.Join(dir, "b.yaml"), []byte(tiny("b", "maturity: optimized\nconfig: {max_model_len: 3000}\n")), 0o600)
		}, "b 3000"},
		{func() error { return os.Remove(filepath.Join(dir, "b.yaml")) }, "a 20000"},
		{func() error { return os.Remove(filepath.Join(dir, "a.yaml")) }, "no recipe runs acme/tiny"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := length(); got != step.want {
			t.Errorf("rung 1 is %s, want %s", got, step.want)
		}
	}
}
