package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
)

// input is one model of a kind in testdata/kinds/KIND.yaml. Set lays fields over
// the small dense model of base.json; null takes one away.
type input struct {
	Name    string            `yaml:"name"`
	Set     map[string]any    `yaml:"set"`
	Text    string            `yaml:"text"`   // the whole file instead, with BASE for base.json's fields
	Beside  map[string]string `yaml:"beside"` // files beside it
	Weights uint64            `yaml:"weights"`

	Billion   float64 `yaml:"billion"` // parameters, within 3 %
	KV        float64 `yaml:"kv"`      // bytes of a token, 16 bit, one GPU
	Precision string  `yaml:"precision"`
	GB        float64 `yaml:"gb"` // of weights, within 5 %
	Cache     string  `yaml:"cache"`
	Task      string  `yaml:"task"`
	Code      *bool   `yaml:"code"` // whether the server needs the repository's
	Context   int     `yaml:"context"`
	Says      string  `yaml:"says"`    // among the notes
	Refused   string  `yaml:"refused"` // why, in words about the model
}

// Every kind of what the field's files look like, with several inputs each.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/kinds/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		kind := strings.TrimSuffix(filepath.Base(file), ".yaml")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var inputs []input
		if err := yaml.Unmarshal(data, &inputs); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		t.Logf("%s: %d inputs", kind, len(inputs))
		if len(inputs) < 5 {
			t.Errorf("%s has %d inputs, want at least 5", kind, len(inputs))
		}
		for _, in := range inputs {
			t.Run(kind+"/"+in.Name, func(t *testing.T) { in.check(t) })
		}
	}
}

func (in input) description(t *testing.T) Description {
	t.Helper()
	base, err := os.ReadFile("testdata/base.json")
	if err != nil {
		t.Fatal(err)
	}
	d := Description{Model: "acme/model", WeightBytes: in.Weights, Beside: map[string][]byte{}}
	for name, text := range in.Beside {
		d.Beside[name] = []byte(text)
	}
	if in.Text != "" {
		inner := strings.Trim(strings.TrimSpace(string(base)), "{}")
		d.Config = []byte(strings.ReplaceAll(in.Text, "BASE", inner))
		return d
	}
	var fields map[string]any
	if err := json.Unmarshal(base, &fields); err != nil {
		t.Fatal(err)
	}
	maps.Copy(fields, in.Set)
	if d.Config, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	return d
}

func (in input) check(t *testing.T) {
	m, traits, err := ReadConfig(in.description(t))
	if in.Refused != "" {
		if f := aim.FailureOf(err); err == nil || !strings.Contains(f.Why, in.Refused) || strings.Contains(f.Why, "\n") {
			t.Errorf("%v, want a refusal that says %q on one line", err, in.Refused)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	off := func(got, want, by float64) bool { return want > 0 && math.Abs(got/want-1) > by }
	bytes := float64(m.Checkpoints[0].Bytes)
	notes := strings.Join(m.Shape.Notes, "; ")
	switch {
	case off(m.Shape.Total(), in.Billion*1e9, 0.03):
		t.Errorf("%.3f billion parameters, want %.3f: %s", m.Shape.Total()/1e9, in.Billion, strings.Join(m.Shape.Describe(), "; "))
	case in.KV > 0 && perToken(m.Shape) != in.KV:
		t.Errorf("a token keeps %g bytes, want %g: %s", perToken(m.Shape), in.KV, strings.Join(m.Shape.Describe(), "; "))
	case in.Precision != "" && traits.Precision != in.Precision, off(bytes, in.GB*1e9, 0.05):
		t.Errorf("%.2f GB in %s (%s), want %.2f in %s", bytes/1e9, traits.Precision, traits.Quant.Name, in.GB, in.Precision)
	case in.Cache != "" && traits.Quant.KVCache != in.Cache:
		t.Errorf("the cache is %q, want %q", traits.Quant.KVCache, in.Cache)
	case in.Task != "" && traits.Task != in.Task:
		t.Errorf("it is to %s (%s), want %s", traits.Task, traits.TaskSource, in.Task)
	case in.Code != nil && traits.RemoteCode != *in.Code:
		t.Errorf("needs code of its own: %v", traits.RemoteCode)
	case in.Context > 0 && m.Shape.MaxPosition != in.Context:
		t.Errorf("context %d, want %d", m.Shape.MaxPosition, in.Context)
	case !strings.Contains(notes, in.Says):
		t.Errorf("notes are %q, want %q among them", notes, in.Says)
	}
}

func perToken(s *Shape) float64 {
	sum := 0.0
	for _, k := range s.Kinds() {
		if k.Attention.Window == 0 {
			sum += float64(k.Count) * k.Attention.Keeps(1, 2)
		}
	}
	return sum
}

// No name decides a count: with the names of model and class exchanged for
// others every input counts the same.
func TestNamesDecideNoCount(t *testing.T) {
	files, err := filepath.Glob("testdata/kinds/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"llama", "falcon", "gemma3_text", "deepseek_v3", "nemotron_h", "qwen3_next", "bert", "gpt2", "acme"}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var inputs []input
		if err := yaml.Unmarshal(data, &inputs); err != nil {
			t.Fatal(err)
		}
		for _, in := range inputs {
			if in.Text != "" || in.Refused != "" {
				continue
			}
			var first string
			for i, name := range names {
				in.Set = maps.Clone(in.Set)
				if in.Set == nil {
					in.Set = map[string]any{}
				}
				in.Set["model_type"], in.Set["architectures"] = name, []string{strings.ToUpper(name) + "ForCausalLM"}
				m, err := FromConfig(in.description(t))
				if err != nil {
					t.Fatal(in.Name, err)
				}
				got := fmt.Sprintf("%.0f %g %v", m.Shape.Total(), perToken(m.Shape), m.Shape.Describe())
				if i == 0 {
					first = got
				}
				if got != first {
					t.Errorf("%s of %s counts as %s as %s, and %s as %s", in.Name, file, got, name, first, names[0])
				}
			}
		}
	}
}

// Absurd files get an answer in words: no panic, no growth.
func TestAbsurdConfigs(t *testing.T) {
	many := func(n int, v string) string { return "[" + strings.Repeat(v+",", n-1) + v + "]" }
	for name, c := range map[string]struct{ set, says string }{
		"10,000 layers":            {`"num_hidden_layers": 10000`, "num_hidden_layers (10000 makes no sense)"},
		"negative layers":          {`"num_hidden_layers": -5`, "num_hidden_layers (-5 makes no sense)"},
		"a huge width":             {`"hidden_size": 1e30`, "hidden_size (1e30 makes no sense)"},
		"width as a list":          {`"hidden_size": [[[]]]`, "hidden_size ([[[]]] makes no sense)"},
		"kinds of fewer layers":    {`"layer_types": ["mamba", "attention"]`, "2 words for 24 layers"},
		"kinds nobody knows":       {`"layer_types": ` + many(24, `"retention"`), `"retention"`},
		"a list of a million":      {`"num_key_value_heads": ` + many(1_000_000, "4"), ""},
		"heads beyond all":         {`"num_attention_heads": 1000000`, "num_attention_heads"},
		"experts beyond all":       {`"num_experts": 2000000000, "moe_intermediate_size": 2000000000`, "which no model has"},
		"nested without an end":    {`"rope_scaling": ` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), ""},
		"a deep list":              {`"vision_config": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000), ""},
		"blocks of the wrong sort": {`"block_configs": [1, 2, 3]`, ""},
	} {
		in := input{Text: "{BASE, " + c.set + "}"}
		m, err := FromConfig(in.description(t))
		if c.says == "" {
			if err != nil || m.Shape.Total() < 1e9 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 500 {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	_, err := FromConfig(Description{Model: "acme/model", Config: make([]byte, 50<<20)})
	if err == nil || !strings.Contains(err.Error(), "a limit of AIM Engine") {
		t.Errorf("50 MB: %v", err)
	}
}
