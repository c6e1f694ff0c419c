package model

import (
	"slices"
)

// Model is what is known of a model: its shape, which decides how much memory
// it needs, and the repositories that hold its weights.
type Model struct {
	ID               string             `yaml:"model_id" json:"model_id"`
	Family           string             `yaml:"family" json:"family,omitempty"`
	Kind             string             `yaml:"kind" json:"kind,omitempty"` // dense, moe
	Parameters       uint64             `yaml:"parameters" json:"parameters,omitempty"`
	Source           string             `yaml:"source" json:"source,omitempty"` // of kind and parameters
	Architecture     *Architecture      `yaml:"architecture" json:"architecture,omitempty"`
	Config           map[string]any     `yaml:"config" json:"config,omitempty"` // fields of its config.json, instead of architecture
	ConfigSource     string             `yaml:"config_source" json:"config_source,omitempty"`
	Checkpoints      []Checkpoint       `yaml:"checkpoints" json:"checkpoints,omitempty"`
	SameArchitecture []SameArchitecture `yaml:"same_shape" json:"same_shape,omitempty"`
	Note             string             `yaml:"note" json:"note,omitempty"`

	// Of a file in another form of its own, and told to people alone.
	Name           string `yaml:"name" json:"name,omitempty"`
	DescribedAs    string `yaml:"description" json:"description,omitempty"`
	Size           any    `yaml:"size" json:"size,omitempty"` // such as 32B
	License        string `yaml:"license" json:"license,omitempty"`
	HuggingFaceURL string `yaml:"huggingface_url" json:"huggingface_url,omitempty"`

	// Shape is the model layer by layer; nil = not known. It is made of
	// Architecture or Config when the file is read.
	Shape *Shape `yaml:"-" json:"-"`
}

// Architecture is the shape of a model whose layers differ little, in few
// numbers.
type Architecture struct {
	Class         string  `yaml:"class" json:"class,omitempty"` // of a file that gives nothing but a name
	Layers        int     `yaml:"layers" json:"layers"`
	Hidden        int     `yaml:"hidden" json:"hidden"`
	Heads         int     `yaml:"heads" json:"heads"`
	KVHeads       int     `yaml:"kv_heads" json:"kv_heads"` // 1 for MLA: the latent is shared by all heads
	HeadDim       int     `yaml:"head_dim" json:"head_dim"`
	MLA           *MLA    `yaml:"mla" json:"mla,omitempty"`
	Gated         bool    `yaml:"gated_attention" json:"gated_attention,omitempty"` // attention has a gate as wide as its queries
	Local         *Local  `yaml:"local" json:"local,omitempty"`
	Linear        *Linear `yaml:"linear" json:"linear,omitempty"`
	Intermediate  int     `yaml:"intermediate" json:"intermediate,omitempty"`
	Experts       int     `yaml:"experts" json:"experts,omitempty"`
	ExpertsUsed   int     `yaml:"experts_per_token" json:"experts_per_token,omitempty"`
	ExpertWidth   int     `yaml:"expert_intermediate" json:"expert_intermediate,omitempty"`
	SharedExperts int     `yaml:"shared_experts" json:"shared_experts,omitempty"`
	MoEEvery      int     `yaml:"moe_every" json:"moe_every,omitempty"`       // 2 = every second layer has experts; 0 and 1 = every layer
	DenseLayers   int     `yaml:"dense_layers" json:"dense_layers,omitempty"` // leading layers without experts
	DenseWidth    int     `yaml:"dense_intermediate" json:"dense_intermediate,omitempty"`
	Vocab         int     `yaml:"vocab" json:"vocab"`
	Tied          bool    `yaml:"tied_embeddings" json:"tied_embeddings"`             // output head and embedding are one matrix
	MTPLayers     int     `yaml:"mtp_layers" json:"mtp_layers,omitempty"`             // layers of the checkpoint that predict further tokens; they are not loaded
	Extra         uint64  `yaml:"extra_parameters" json:"extra_parameters,omitempty"` // outside the language part, such as a vision tower
	Encoder       bool    `yaml:"encoder" json:"encoder,omitempty"`                   // reads a text at once and keeps no KV cache
	MaxPosition   int     `yaml:"max_position" json:"max_position"`                   // longest context, in tokens; 0 = not known
	Source        string  `yaml:"source" json:"source"`
}

// MLA holds the ranks and head sizes of multi-head latent attention.
type MLA struct {
	QLora  int `yaml:"q_lora" json:"q_lora"`
	KVLora int `yaml:"kv_lora" json:"kv_lora"`
	NoPE   int `yaml:"nope" json:"nope"`
	RoPE   int `yaml:"rope" json:"rope"`
	V      int `yaml:"v" json:"v"`
	// IndexBytes is what a sparse-attention indexer keeps of a token in a layer.
	IndexBytes int `yaml:"index_bytes" json:"index_bytes,omitempty"`
}

// Local says how many layers look only at nearby tokens (a sliding window, or
// chunks) and how far.
type Local struct {
	Layers int    `yaml:"layers" json:"layers"`
	Window int    `yaml:"window" json:"window"`
	Source string `yaml:"source" json:"source,omitempty"`
}

// Linear says how many layers keep a state of fixed size for each request,
// whatever its length.
type Linear struct {
	Layers     int    `yaml:"layers" json:"layers"`
	StateBytes uint64 `yaml:"state_bytes" json:"state_bytes"`         // of one layer and request, over all GPUs
	Parameters uint64 `yaml:"parameters" json:"parameters,omitempty"` // of one layer's attention
	Source     string `yaml:"source" json:"source,omitempty"`
}

// Checkpoint is one repository with the model's weights.
type Checkpoint struct {
	Repo      string `yaml:"repo" json:"repo"`
	Format    string `yaml:"format" json:"format,omitempty"`
	Bytes     uint64 `yaml:"bytes" json:"bytes,omitempty"` // 0 = not known
	Estimated bool   `yaml:"estimated" json:"estimated,omitempty"`
	Source    string `yaml:"source" json:"source,omitempty"` // of Bytes
}

// SameArchitecture is another model with the same architecture, which the recipes of
// this one run unchanged but for the repository.
type SameArchitecture struct {
	ID          string `yaml:"id" json:"id"`
	MaxPosition int    `yaml:"max_position" json:"max_position,omitempty"` // 0 = the same
}

// Checkpoint finds what is known of a repository. A model of the same shape
// has weights of the same size as the model's own repository.
func (m Model) Checkpoint(repo string) (Checkpoint, bool) {
	for _, c := range m.Checkpoints {
		if c.Repo == repo {
			return c, true
		}
	}
	same := slices.ContainsFunc(m.SameArchitecture, func(s SameArchitecture) bool { return s.ID == repo })
	if !same || repo == m.ID {
		return Checkpoint{}, false
	}
	c, ok := m.Checkpoint(m.ID)
	c.Source = "the same shape as " + m.ID + "; " + c.Source
	c.Repo, c.Estimated = repo, true
	return c, ok
}

// LongestContext is the longest context of the model, or of one of the same
// shape; 0 when not known.
func (m Model) LongestContext(id string) int {
	for _, s := range m.SameArchitecture {
		if s.ID == id && s.MaxPosition > 0 {
			return s.MaxPosition
		}
	}
	switch {
	case m.Shape != nil:
		return m.Shape.MaxPosition
	case m.Architecture != nil:
		return m.Architecture.MaxPosition
	}
	return 0
}

// BytesPer is the size of one parameter at a precision. The 4-bit formats add
// an 8-bit scale to every 32 values.
func BytesPer(precision string) float64 {
	switch precision {
	case "fp32":
		return 4
	case "fp8", "int8":
		return 1
	case "fp4", "mxfp4", "nvfp4", "int4":
		return (32*4 + 8) / (32 * 8.0)
	case "mxfp6":
		return (32*6 + 8) / (32 * 8.0)
	}
	return 2
}

// PrecisionFamily groups precisions that the same weights serve: a bf16
// checkpoint also computes in fp16, and fp4 is the older word for mxfp4.
func PrecisionFamily(precision string) string {
	switch precision {
	case "bf16", "fp16":
		return "16 bit"
	case "fp4", "mxfp4":
		return "4 bit float"
	}
	return precision
}

// Dtypes names the compute types of the 16-bit precisions.
var Dtypes = map[string]string{"bf16": "bfloat16", "fp16": "float16"}
