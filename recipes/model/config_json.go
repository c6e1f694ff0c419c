package model

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// Description is what a model says of itself. It makes it possible to run a
// model that no recipe is for.
type Description struct {
	Model       string `json:"model"`                  // as it was asked for
	Config      []byte `json:"config"`                 // its config.json
	WeightBytes uint64 `json:"weight_bytes,omitempty"` // of the files that a server would load; 0 = not known
	From        string `json:"from,omitempty"`         // who has read it, for people
}

// Traits are what a config.json says besides the shape.
type Traits struct {
	Precision  string
	Dtype      string // to compute in
	Task       string // generate, embed, rerank or score
	Quant      Quantization
	RemoteCode bool
	From       string // where they were read, for people
}

// FromConfig reads the shape and the size of a model from its config.json, in
// the words that Hugging Face's transformers uses for them. The error is a
// Failure of class input that names the field, or of class no_recipe for a
// model of a kind that cannot be counted or served.
func FromConfig(d Description) (Model, error) {
	m, _, err := ReadConfig(d)
	return m, err
}

func ReadConfig(d Description) (Model, Traits, error) {
	file := d.Model + "/config.json"
	outer, err := readFields(file, d.Config)
	if err != nil {
		return Model{}, Traits{}, err
	}
	text := outer
	if inner, ok := outer.object("text_config", "language_config", "llm_config"); ok {
		text = inner
	}
	kind := family(cmp.Or(text.text("model_type"), outer.text("model_type")))
	if why := cannotServe(outer, text); why != "" {
		return Model{}, Traits{}, aim.Failf(aim.ClassNoRecipe, "%s: %s", file, why)
	}
	a := shapeOf(kind, outer, text)
	t := traitsOf(kind, outer, text)
	if *outer.err != nil {
		return Model{}, Traits{}, *outer.err
	}
	if missing := a.missing(); missing != "" {
		return Model{}, Traits{}, aim.Failf(aim.ClassNoRecipe, "%s: it says nothing of %s, so the memory of a %s model cannot be counted", file, missing, cmp.Or(string(kind), "nameless")).
			WithHint("write a recipe for it; the smallest one has six lines: aim recipe validate --help")
	}
	t.From = cmp.Or(d.From, file)
	m := Model{ID: d.Model, Family: string(kind), Kind: "dense", Source: t.From, Architecture: a}
	if a.Experts > 0 {
		m.Kind = "moe"
	}
	doc := &yamlfile.Document{File: file}
	m.Checkpoints = []Checkpoint{t.Checkpoint(d, a)}
	m.Parameters = uint64(a.parts().total(a.KVHeads))
	return m, t, m.validate(doc)
}

// Checkpoint is the repository itself: of the size of its files where that is
// known, else of what its parameters take.
func (t Traits) Checkpoint(d Description, a *Architecture) Checkpoint {
	p := a.parts()
	cp := Checkpoint{Repo: d.Model, Format: t.Precision, Bytes: uint64(t.Quant.bytes(p, a.KVHeads)), Estimated: true, Source: "counted from " + t.From}
	if d.WeightBytes == 0 {
		return cp
	}
	loaded := p.total(a.KVHeads) / (p.total(a.KVHeads) + p.idle)
	cp.Bytes, cp.Estimated, cp.Source = uint64(float64(d.WeightBytes)*loaded), false, "its weight files; "+t.From
	if t.Quant.Method == "" && t.Dtype == Dtypes["bf16"] && float64(d.WeightBytes) > 3*p.total(a.KVHeads) {
		cp.Bytes /= 2 // 32-bit weights are converted while they are loaded
	}
	return cp
}

// cannotServe refuses models that no backend here serves.
func cannotServe(outer, text fields) string {
	switch {
	case outer.flag("is_encoder_decoder", false):
		return "it is an encoder-decoder model, which AIM Engine does not serve"
	case len(outer.raw) > 0 && !outer.has("architectures") && !outer.has("model_type") && !text.has("model_type"):
		return "it names neither architectures nor model_type, so it is not the configuration of a language model"
	}
	return ""
}

// traitsOf reads precision, task, and whether the model brings its own code.
func traitsOf(k family, outer, text fields) Traits {
	t := Traits{Dtype: cmp.Or(text.text("dtype", "torch_dtype"), outer.text("dtype", "torch_dtype"))}
	if t.Dtype != Dtypes["fp16"] {
		t.Dtype = Dtypes["bf16"] // 32-bit checkpoints are computed in 16 bit
	}
	t.Precision = "bf16"
	if t.Dtype == Dtypes["fp16"] {
		t.Precision = "fp16"
	}
	for _, f := range []fields{outer, text} {
		if q, ok := f.object("quantization_config", "compression_config"); ok {
			t.Quant = readQuantization(q)
			break
		}
	}
	t.Precision = cmp.Or(t.Quant.Precision, t.Precision)
	t.Task = taskOf(outer.texts("architectures"))
	_, code := outer.object("auto_map")
	t.RemoteCode = code && !k.native()
	return t
}

// taskOf reads what a model is for from the last part of its class name.
func taskOf(architectures []string) string {
	if len(architectures) == 0 {
		return "generate"
	}
	name := architectures[0]
	switch {
	case strings.HasSuffix(name, "ForSequenceClassification"):
		return "score"
	case strings.HasSuffix(name, "ForRewardModel"), strings.HasSuffix(name, "ForMaskedLM"), strings.HasSuffix(name, "Model"):
		return "embed"
	}
	return "generate"
}

// missing names what a shape needs and the file does not say.
func (a *Architecture) missing() string {
	var names []string
	for _, f := range []struct {
		name  string
		value int
	}{
		{"num_hidden_layers", a.Layers}, {"hidden_size", a.Hidden}, {"num_attention_heads", a.Heads}, {"vocab_size", a.Vocab},
		{"head_dim", a.HeadDim},
	} {
		if f.value == 0 {
			names = append(names, f.name)
		}
	}
	if a.Experts > 0 && a.ExpertsUsed == 0 {
		names = append(names, "num_experts_per_tok")
	}
	if a.Experts > 0 && a.ExpertWidth == 0 {
		names = append(names, "moe_intermediate_size")
	}
	if a.Experts == 0 && a.Intermediate == 0 {
		names = append(names, "intermediate_size")
	}
	if a.Linear != nil && a.Linear.StateBytes == 0 {
		names = append(names, "the state of its linear layers")
	}
	return strings.Join(slices.Compact(names), ", ")
}
