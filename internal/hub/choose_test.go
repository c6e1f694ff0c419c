package hub

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// repositories of the kinds that exist; a name after "-" must not be chosen.
func TestChoose(t *testing.T) {
	for name, c := range map[string]struct {
		files   string
		indexed string
	}{
		"safetensors before older forms": {
			files: "config.json tokenizer.json model.safetensors -pytorch_model.bin -flax_model.msgpack -tf_model.h5 -README.md -.gitattributes -model.onnx",
		},
		"shards of the index, and nothing beside them": {
			files: "config.json model.safetensors.index.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors " +
				"-model.safetensors -model-old.safetensors",
			indexed: "model-00001-of-00002.safetensors model-00002-of-00002.safetensors",
		},
		"original checkpoints and exports beside it": {
			files: "config.json model.safetensors -original/consolidated.00.pth -original/params.json -metal/model.bin -onnx/model.onnx -onnx/config.json " +
				"-gguf/model.gguf",
		},
		"both forms of Mistral": {
			files:   "config.json params.json tekken.json model.safetensors.index.json model-00001-of-00001.safetensors consolidated.safetensors",
			indexed: "model-00001-of-00001.safetensors",
		},
		"Mistral's form alone": {files: "params.json tekken.json consolidated.safetensors"},
		"shards in a folder that the index names": {
			files:   "config.json model.safetensors.index.json weights/a.safetensors weights/b.safetensors -other/c.safetensors",
			indexed: "weights/a.safetensors weights/b.safetensors",
		},
		"modules of sentence-transformers": {
			files:   "config.json modules.json model.safetensors.index.json model-1.safetensors 1_Pooling/config.json 2_Dense/config.json 2_Dense/model.safetensors -variant/model.safetensors",
			indexed: "model-1.safetensors",
		},
		"modules beside a single file": {
			files: "config.json modules.json model.safetensors 2_Dense/model.safetensors -variant/model.safetensors",
		},
		"PyTorch without the trainer's state": {
			files: "config.json pytorch_model.bin.index.json pytorch_model-00001-of-00001.bin -training_args.bin -optimizer.bin",
		},
		"one split GGUF": {files: "config.json m-00001-of-00002.gguf m-00002-of-00002.gguf"},
		"code, templates and tokenizers of every kind": {
			files: "config.json model.safetensors modeling_x.py chat_template.jinja additional_chat_templates/rag.jinja merges.txt tokenizer.model.v3 qwen.tiktoken preprocessor_config.json LICENSE " +
				"-figures/plot.png -demo.mp4",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var all []file
			var want []string
			for name := range strings.FieldsSeq(c.files) {
				bare, unwanted := strings.CutPrefix(name, "-")
				all = append(all, file{Name: bare})
				if !unwanted {
					want = append(want, bare)
				}
			}
			chosen, err := choose(all, strings.Fields(c.indexed))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range chosen {
				got = append(got, f.Name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("chose %v\nwant  %v", got, want)
			}
		})
	}
}

func TestARepositoryWithoutAServableModelIsMissing(t *testing.T) {
	for name, c := range map[string]struct{ files, indexed string }{
		"no weights":          {files: "config.json README.md"},
		"no config":           {files: "model.safetensors"},
		"several GGUF":        {files: "config.json m.Q4_K_M.gguf m.Q8_0.gguf"},
		"original alone":      {files: "config.json original/consolidated.00.pth"},
		"index names no file": {files: "config.json a.safetensors", indexed: "a.safetensors b.safetensors"},
	} {
		var all []file
		for name := range strings.FieldsSeq(c.files) {
			all = append(all, file{Name: name})
		}
		_, err := choose(all, strings.Fields(c.indexed))
		var f *aim.Failure
		if !errors.As(err, &f) || f.Class != aim.ClassMissing || f.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
