package recipe

import (
	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// Recipe is how to run a model on a kind of hardware. The first six fields are
// the whole of the short form; the others are optional.
type Recipe struct {
	ID        string         `yaml:"recipe_id" json:"recipe_id"`
	Model     string         `yaml:"model_id" json:"model_id"`
	Hardware  Hardware       `yaml:"hardware" json:"hardware"`
	Precision string         `yaml:"precision" json:"precision"`
	Backend   string         `yaml:"backend" json:"backend"`
	Config    map[string]any `yaml:"config" json:"config,omitempty"` // backend options; true = bare flag, false = its negation

	Checkpoint     string            `yaml:"checkpoint" json:"checkpoint,omitempty"`         // repository of the weights; "" = model_id
	HuggingFaceID  string            `yaml:"huggingface_id" json:"huggingface_id,omitempty"` // another name for checkpoint
	Revision       string            `yaml:"revision" json:"revision,omitempty"`             // of the checkpoint
	Image          string            `yaml:"image" json:"image,omitempty"`                   // "" = the backend's default (defaults.yaml)
	BackendVersion string            `yaml:"backend_version" json:"backend_version,omitempty"`
	Versions       Versions          `yaml:"backend_versions" json:"backend_versions,omitzero"`
	Match          Match             `yaml:"match" json:"match,omitzero"`
	ManualOnly     bool              `yaml:"manual_selection_only" json:"manual_selection_only,omitempty"` // taken only when asked for by its id
	Resources      Resources         `yaml:"resources" json:"resources,omitzero"`                          // what is not given is computed
	Metric         string            `yaml:"metric" json:"metric,omitempty"`                               // tuned for; "" = for both
	Task           string            `yaml:"task" json:"task,omitempty"`                                   // one of Tasks; "" = generate
	Maturity       string            `yaml:"maturity" json:"maturity,omitempty"`
	Env            map[string]string `yaml:"env" json:"env,omitempty"`
	Features       Features          `yaml:"features" json:"features,omitzero"`
	Fallbacks      []Fallback        `yaml:"fallbacks" json:"fallbacks,omitempty"`
	Evidence       []Evidence        `yaml:"evidence" json:"evidence,omitempty"`
	Note           string            `yaml:"note" json:"note,omitempty"`

	doc *yamlfile.Document // where it was read, for messages
}

// Hardware is what one replica runs on.
type Hardware struct {
	GPUType  string `yaml:"gpu_type" json:"gpu_type"`
	GPUCount int    `yaml:"gpu_count" json:"gpu_count"`
	// Memory is the GPU memory that the replica needs, over all its GPUs. It
	// is used where the size of the weights is not known.
	Memory Size `yaml:"memory_requirement" json:"memory_requirement,omitempty"`
}

// Versions are the backend versions that the recipe's options are for, where a
// deployment names an image of its own. "" is no limit.
type Versions struct {
	Min string `yaml:"min" json:"min,omitempty"`
	Max string `yaml:"max" json:"max,omitempty"`
}

// Match says where else than on hardware.gpu_type the recipe runs as written.
type Match struct {
	GPUTypes []string `yaml:"gpu_types" json:"gpu_types,omitempty"` // further types
	MinVRAM  Size     `yaml:"min_vram" json:"min_vram,omitempty"`   // memory that each GPU must have
}

// Resources is what the server needs of its node besides GPUs.
type Resources struct {
	CPUs       int  `yaml:"cpus" json:"cpus,omitempty"`
	HostMemory Size `yaml:"host_memory" json:"host_memory,omitempty"`
	Disk       Size `yaml:"disk" json:"disk,omitempty"` // for the weights
	Shm        Size `yaml:"shm" json:"shm,omitempty"`   // shared memory
}

// Features are abilities of the model that the server must be told about. The
// names are the backend's own.
type Features struct {
	ToolCallParser  string `yaml:"tool_call_parser" json:"tool_call_parser,omitempty"`
	ReasoningParser string `yaml:"reasoning_parser" json:"reasoning_parser,omitempty"`
}

// Evidence says who published a configuration, and which of the recipe's
// settings come from there.
type Evidence struct {
	Source   string   `yaml:"source" json:"source"`
	URL      string   `yaml:"url" json:"url,omitempty"`           // where it can be read
	Date     string   `yaml:"date" json:"date,omitempty"`         // when it was published, or read where it has no date of its own
	Maturity string   `yaml:"maturity" json:"maturity,omitempty"` // the publisher's own word
	Metrics  []string `yaml:"metrics" json:"metrics,omitempty"`
	Sets     []string `yaml:"sets" json:"sets,omitempty"`
	Note     string   `yaml:"note" json:"note,omitempty"`
}

// Fallback is what to change after a failure of one of the classes.
type Fallback struct {
	On    []aim.FailureClass `yaml:"on" json:"on"`
	Patch Patch              `yaml:"patch" json:"patch"`
	Loses string             `yaml:"loses" json:"loses"` // what the user gives up, as a sentence
}

// Patch changes a rung. Empty fields leave it as it is.
type Patch struct {
	Options    map[string]any    `yaml:"options" json:"options,omitempty"`
	Remove     []string          `yaml:"remove" json:"remove,omitempty"` // options
	Halve      []string          `yaml:"halve" json:"halve,omitempty"`   // options with a number
	Env        map[string]string `yaml:"env" json:"env,omitempty"`
	RemoveEnv  []string          `yaml:"remove_env" json:"remove_env,omitempty"`
	GPUs       int               `yaml:"gpus" json:"gpus,omitempty"`
	DoubleGPUs bool              `yaml:"double_gpus" json:"double_gpus,omitempty"`
	Checkpoint string            `yaml:"checkpoint" json:"checkpoint,omitempty"`
	Precision  string            `yaml:"precision" json:"precision,omitempty"`
	Image      string            `yaml:"image" json:"image,omitempty"`
	Version    string            `yaml:"backend_version" json:"backend_version,omitempty"`
}

// Weights is the repository that the recipe serves.
func (r Recipe) Weights() string {
	switch {
	case r.Checkpoint != "":
		return r.Checkpoint
	case r.HuggingFaceID != "":
		return r.HuggingFaceID
	}
	return r.Model
}

// Source is the file that the recipe was read from.
func (r Recipe) Source() string {
	if r.doc == nil {
		return ""
	}
	return r.doc.File
}

// Tasks lists what a recipe's server may be for; the first is the default.
func Tasks() []string { return []string{"generate", "embed", "rerank", "score"} }

// maturities are the words that publishers use for how sure they are, surest
// first. AMD's profiles say optimized, preview, unoptimized and general;
// vLLM's recipes say verified. A configuration that was published without such
// a word stands after all of them, and one without evidence last.
var maturities = []string{"optimized", "verified", "preview", "unoptimized", "general"}

// Maturities lists the words, surest first.
func Maturities() []string { return append([]string(nil), maturities...) }
