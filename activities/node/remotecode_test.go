package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// Code of a model's repository runs where the operator has named the model; an
// option that allows code is left out for a model that brings none.
func TestCodeOfTheModelNeedsTheOperator(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	brings, plain := filepath.Join(root, "brings"), filepath.Join(root, "plain")
	writeModel(t, brings)
	writeModel(t, plain)
	if err := os.WriteFile(filepath.Join(brings, "config.json"), []byte(`{"auto_map": {"AutoConfig": "c.C"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		model   string
		allowed []string
		keeps   bool
		class   aim.FailureClass
	}{
		"none brought":   {plain, nil, false, ""},
		"not allowed":    {brings, nil, false, aim.ClassRemoteCode},
		"another's":      {brings, []string{"acme/other", root + "/p*"}, false, aim.ClassRemoteCode},
		"by name":        {brings, []string{brings}, true, ""},
		"by its owner":   {brings, []string{root + "/*"}, true, ""},
		"all are":        {brings, []string{"*"}, true, ""},
		"all, but plain": {plain, []string{"*"}, false, ""},
	} {
		b := newBox(t, 1, func(b *box) { b.opts.WeightRoots, b.opts.RemoteCode = []string{root}, c.allowed })
		r := rung(1, "")
		r.Model, r.Options = c.model, []aim.Option{{Name: "trust-remote-code", Bare: true}}
		got, err := b.settleCode(t.Context(), r)
		if c.class != "" {
			if f := aim.FailureOf(err); err == nil || f.Class != c.class || !strings.Contains(f.Hint, "node.remote_code") {
				t.Errorf("%s: %v, want class %s and a hint that names the setting", name, err, c.class)
			}
			continue
		}
		if kept := slices.Contains(got.Options, r.Options[0]); err != nil || kept != c.keeps {
			t.Errorf("%s: options %v, %v", name, got.Options, err)
		}
	}
}
