package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// A node reads a folder below one that its settings allow, and no other.
func TestANodeDescribesAFolder(t *testing.T) {
	root := t.TempDir()
	const config = `{"model_type":"llama"}`
	folder := filepath.Join(root, "llama")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config.json": config, "pytorch_model.bin": "weights"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBox(t, 1, func(b *box) { b.opts.WeightRoots = []string{root} })
	d, err := b.Describe(t.Context(), activities.DescribeRequest{Model: folder})
	if err != nil || string(d.Config) != config || d.WeightBytes != uint64(len("weights")) || d.From != "its config.json on n1" {
		t.Errorf("described as %+v, %v", d, err)
	}
	_, err = b.Describe(t.Context(), activities.DescribeRequest{Model: "/etc"})
	if f := aim.FailureOf(err); err == nil || f.Class != aim.ClassInput {
		t.Errorf("/etc is described: %v", err)
	}
}
