package importer

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
	"github.com/aim-engine/aim/recipes/options"
	"github.com/aim-engine/aim/recipes/recipe"
)

// modelFile is a model file of vllm-project/recipes, as far as a recipe has a
// place for it.
type modelFile struct {
	Meta struct {
		Hardware map[string]string `yaml:"hardware"`
	} `yaml:"meta"`
	Model struct {
		ID      string            `yaml:"model_id"`
		Version string            `yaml:"min_vllm_version"`
		Image   images            `yaml:"docker_image"`
		Args    []string          `yaml:"base_args"`
		Env     map[string]string `yaml:"base_env"`
	} `yaml:"model"`
	Features map[string]struct {
		Args []string `yaml:"args"`
	} `yaml:"features"`
	Variants   map[string]variant  `yaml:"variants"`
	Hardware   map[string]override `yaml:"hardware_overrides"`
	Strategies map[string]override `yaml:"strategy_overrides"`
}

// variant is one form of the weights.
type variant struct {
	Precision string            `yaml:"precision"`
	MinimumGB float64           `yaml:"vram_minimum_gb"`
	Repo      string            `yaml:"model_id"`
	Tensor    int               `yaml:"tp"`
	Args      []string          `yaml:"extra_args"`
	Env       map[string]string `yaml:"extra_env"`
}

// override is what some hardware, or some way to divide the model, needs.
type override struct {
	Tensor int               `yaml:"tp"`
	Args   []string          `yaml:"extra_args"`
	Env    map[string]string `yaml:"extra_env"`
}

// images are container images by vendor; a single one is for another vendor.
type images map[string]string

// UnmarshalYAML reads a text or a map.
func (i *images) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*i = images{"": n.Value}
		return nil
	}
	var all map[string]string
	err := n.Decode(&all)
	*i = all
	return err
}

// importModelFile makes a recipe for each kind of GPU that the file calls
// verified and the table of GPUs knows, and each variant.
func importModelFile(doc *yamlfile.Document) ([]Imported, error) {
	var f modelFile
	if err := doc.Into(&f); err != nil {
		return nil, err
	}
	if f.Model.ID == "" {
		return nil, doc.Wrong([]string{"model"}, "field \"model_id\" is missing")
	}
	t, err := recipe.LoadTables()
	if err != nil {
		return nil, err
	}
	var all []Imported
	for _, kind := range slices.Sorted(maps.Keys(f.Meta.Hardware)) {
		gpu, known := t.GPU(strings.ToUpper(kind))
		if !known || f.Meta.Hardware[kind] != "verified" {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(f.Variants)) {
			made, err := f.recipe(doc, gpu, name)
			if err != nil {
				return nil, err
			}
			if made != nil {
				all = append(all, *made)
			}
		}
	}
	if len(all) == 0 {
		return nil, doc.Wrong([]string{"meta", "hardware"}, "it verifies nothing on a kind of GPU that AIM Engine knows; the kinds are %s", kinds(t))
	}
	return all, nil
}

// kinds names the GPU types of the table.
func kinds(t *recipe.Tables) string {
	var kinds []string
	for _, g := range t.GPUs {
		kinds = append(kinds, g.Type)
	}
	return strings.Join(kinds, ", ")
}

// recipe makes one; nil for a variant that no AMD GPU runs.
func (f modelFile) recipe(doc *yamlfile.Document, gpu recipe.GPUFacts, name string) (*Imported, error) {
	v := f.Variants[name]
	if !slices.Contains(aim.Precisions(), v.Precision) || v.Precision == "nvfp4" {
		return nil, nil // nvfp4 and the like, which are for other GPUs
	}
	backend := aim.Backends()[0]
	r := recipe.Recipe{
		Model: f.Model.ID, Checkpoint: v.Repo, Precision: v.Precision, Backend: backend, Maturity: "verified",
		Hardware: recipe.Hardware{GPUType: gpu.Type, Memory: recipe.Size(v.MinimumGB * 1e9)},
	}
	if v.Repo == f.Model.ID {
		r.Checkpoint = ""
	}
	b := newBuilder(doc, r)
	f.chooseImage(b)
	table, err := options.For(backend, b.recipe.ServerVersion())
	if err != nil {
		return nil, doc.Wrong([]string{"model", "min_vllm_version"}, "%v", err)
	}
	b.recipe.Hardware.GPUCount = f.count(b, table, gpu, v)
	for _, part := range f.parts(gpu, v) {
		b.takeArgs(table, part.Args)
		b.takeEnv(table, part.Env)
	}
	made := b.finish(nil)
	return &made, nil
}

// parts are the settings that go for the variant on this GPU, general ones
// first. Features that are not asked for, such as speculative decoding, are not
// among them.
func (f modelFile) parts(gpu recipe.GPUFacts, v variant) []override {
	all := []override{{Args: f.Model.Args, Env: f.Model.Env}}
	for _, name := range []string{"tool_calling", "reasoning"} {
		all = append(all, override{Args: f.Features[name].Args})
	}
	all = append(all, override{Args: v.Args, Env: v.Env})
	for _, name := range []string{"amd", gpu.Arch, strings.ToLower(gpu.Type)} {
		all = append(all, f.Hardware[name])
	}
	return append(all, f.Strategies["single_node_tp"])
}

var plainVersion = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// chooseImage keeps the default image where it is new enough for the model.
func (f modelFile) chooseImage(b *builder) {
	if image := f.Model.Image["amd"]; image != "" && recipe.VersionOfImage(image) != "" {
		b.recipe.Image = image
		return
	}
	if image := f.Model.Image["amd"]; image != "" {
		b.note("image %s is left out: its tag names no version", image)
	}
	if v := f.Model.Version; plainVersion.MatchString(v) && options.Newer(v, b.recipe.ServerVersion()) {
		b.recipe.Image = "vllm/vllm-openai-rocm:v" + v
		b.note("image %s is taken: the model needs vLLM %s", b.recipe.Image, v)
	}
}

// count is the file's own tensor parallel size, else the smallest number of
// GPUs that has the memory it asks for.
func (f modelFile) count(b *builder, table *options.Table, gpu recipe.GPUFacts, v variant) int {
	opts, _ := table.Salvage(slices.Concat(f.Model.Args, v.Args, f.Hardware["amd"].Args))
	if o, ok := table.Get(opts, "tensor-parallel-size"); ok {
		if n, isInt := typed(o.Value).(int); isInt {
			return n
		}
	}
	for _, n := range []int{f.Hardware["amd"].Tensor, v.Tensor, f.Strategies["single_node_tp"].Tensor} {
		if n > 0 {
			return n
		}
	}
	const (
		usable      = 0.9 // of a GPU's memory, as in defaults.yaml
		machineGPUs = 8
	)
	count := 1
	for count < machineGPUs && float64(count)*float64(gpu.VRAM)*usable < v.MinimumGB*1e9 {
		count *= 2
	}
	b.note("hardware.gpu_count is %d: the file names none, and so many %s have the %g GB that it asks for", count, gpu.Type, v.MinimumGB)
	return count
}
