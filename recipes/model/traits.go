package model

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
)

// Traits are what a model's files say besides its shape.
type Traits struct {
	Precision   string // one of aim.Precisions
	Dtype       string // to compute in
	DtypeSource string // what says so, for people
	Task        string // generate, embed, rerank or score
	TaskSource  string
	Quant       Quantization
	BringsCode  bool   // the repository has code of its own (auto_map)
	RemoteCode  bool   // and the server needs it
	Sized       bool   // the size of its weight files is known
	From        string // where they were read, for people
}

// Checkpoint is the repository itself: of the size of its files where that is
// known, else of what its parameters take.
func (t Traits) Checkpoint(d Description, s *Shape) Checkpoint {
	count, idle := s.Count(), s.CountIdle()
	total := count.Total()
	cp := Checkpoint{Repo: d.Model, Format: t.Precision, Bytes: uint64(t.Quant.bytes(count)), Estimated: true, Source: "counted from " + t.From}
	if d.WeightBytes == 0 {
		return cp
	}
	cp.Bytes, cp.Estimated, cp.Source = uint64(float64(d.WeightBytes)*total/(total+idle)), false, "its weight files; "+t.From
	if t.Quant.Method == "" && t.Dtype == Dtypes["bf16"] && float64(d.WeightBytes) > 3*total {
		cp.Bytes /= 2 // 32-bit weights are converted while they are loaded
	}
	return cp
}

// readTraits reads precision, task, and whether the model brings its own code.
func readTraits(d Description, outer, t fields, s *Shape) Traits {
	tr := Traits{Sized: d.WeightBytes > 0, DtypeSource: "no field; the usual one"}
	for _, name := range []string{"dtype", "torch_dtype"} {
		if word := cmp.Or(t.text(name), outer.text(name)); word != "" {
			tr.Dtype, tr.DtypeSource = word, name
			break
		}
	}
	if tr.Dtype != Dtypes["fp16"] {
		tr.Dtype = Dtypes["bf16"] // 32-bit checkpoints are computed in 16 bit
	}
	tr.Precision = "bf16"
	if tr.Dtype == Dtypes["fp16"] {
		tr.Precision = "fp16"
	}
	tr.Quant = findQuantization(d, outer, t, s)
	if tr.Quant.Precision != "" {
		tr.Precision, tr.DtypeSource = tr.Quant.Precision, tr.Quant.Source
	}
	tr.Task, tr.TaskSource = taskOf(d, outer, s)
	_, tr.BringsCode = outer.object("auto_map")
	tr.RemoteCode = tr.BringsCode && !served(outer.texts("architectures"))
	return tr
}

// taskOf reads what a model is for: from the files that sentence-transformers
// puts beside config.json, then from the class. Of classes only bases of
// encoders, and names that say so, are for embeddings: a class with a head for
// text generates, whatever the last part of its name is.
func taskOf(d Description, outer fields, s *Shape) (task, source string) {
	if pools(d) {
		return "embed", "modules.json"
	}
	names := outer.texts("architectures")
	if len(names) == 0 {
		return "generate", "no class is named"
	}
	name := names[0]
	ends := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(name, w) })
	}
	switch {
	case ends("ForSequenceClassification"):
		return "score", name
	case ends("ForRewardModel", "ForMaskedLM", "ForTextEmbedding", "ForEmbedding", "EmbeddingModel", "Embedding", "RetrievalModel"):
		return "embed", name
	case ends("Model") && (s.Encoder || slices.ContainsFunc(encoderClasses, func(w string) bool { return strings.Contains(name, w) })):
		return "embed", name
	}
	return "generate", name
}

// encoderClasses are parts of the names of encoders' base classes.
var encoderClasses = []string{"Bert", "BERT", "Roberta", "Electra", "MPNet", "Gte", "Bidirectional", "CLIP", "Siglip"}

// pools tells whether the files beside config.json make one vector of a text.
func pools(d Description) bool {
	if len(d.Beside["1_Pooling/config.json"]) > 0 {
		return true
	}
	var modules []struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(plain(d.Beside["modules.json"]), &modules) != nil {
		return false
	}
	return slices.ContainsFunc(modules, func(m struct {
		Type string `json:"type"`
	}) bool {
		return strings.HasSuffix(m.Type, ".Pooling")
	})
}

//go:embed served.txt
var servedNames []byte

// served tells whether the server has an implementation of its own of one of the
// classes, so that the code of the repository is not needed. served.txt is
// vLLM's registry of models.
func served(architectures []string) bool {
	return slices.ContainsFunc(architectures, func(name string) bool {
		return name != "" && bytes.Contains(servedNames, []byte("\n"+name+"\n"))
	})
}
