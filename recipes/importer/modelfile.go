package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
	"github.com/aim-engine/aim/recipes/options"
	"github.com/aim-engine/aim/recipes/recipe"
)

// modelFile is a model file of vllm-project/recipes.
type modelFile struct {
	doc  *yamlfile.Document
	root tree
	ids  map[string]bool // of the recipes that are made
}

// importModelFile makes a recipe for each kind of GPU that the file calls
// verified and the table of GPUs knows, and each variant that is for it.
func importModelFile(doc *yamlfile.Document) (Result, error) {
	root, err := readTree(doc)
	if err != nil {
		return Result{}, err
	}
	t, err := recipe.LoadTables()
	if err != nil {
		return Result{}, err
	}
	f := modelFile{doc: doc, root: root, ids: map[string]bool{}}
	if f.root.at("model").at("model_id").text() == "" {
		return Result{}, doc.Wrong([]string{"model"}, "field \"model_id\" is missing")
	}
	if why := f.notServed(); why != "" {
		return Result{}, doc.Wrong([]string{"model"}, "%s", why)
	}
	var made []Imported
	hardware := f.root.at("meta").at("hardware")
	for _, kind := range hardware.names() {
		gpu, known := t.GPU(strings.ToUpper(kind))
		if !known {
			continue // of another maker
		}
		if word := hardware.at(kind).text(); word != "verified" {
			f.root.lost.note("nothing is made for %s: the file calls it %q, not verified", gpu.Type, word)
			continue
		}
		for _, name := range f.root.at("variants").names() {
			one, why, err := f.recipe(gpu, name)
			switch {
			case err != nil:
				return Result{}, err
			case why != "":
				f.root.lost.note("variant %s is left out for %s: %s", name, gpu.Type, why)
			default:
				made = append(made, one)
			}
		}
	}
	if len(made) == 0 {
		why := "it verifies nothing on a kind of GPU that AIM Engine knows; the kinds are " + kinds(t)
		if len(f.root.lost.all) > 0 {
			why = "it makes no recipe: " + strings.Join(f.root.lost.all, "; ")
		}
		return Result{}, doc.Wrong([]string{"meta", "hardware"}, "%s", why)
	}
	return Result{Recipes: made, Left: f.left()}, nil
}

// notServed tells why the whole file is for something else than an LLM server.
func (f modelFile) notServed() string {
	args := f.root.at("model").at("base_args").words()
	if f.root.at("omni").is() || slices.Contains(args, "--omni") {
		return "it is for vLLM-Omni, which makes sound and pictures; AIM Engine does not run it"
	}
	return ""
}

// left tells what of the file goes for none of its recipes.
func (f modelFile) left() []string {
	for _, name := range f.root.at("features").names() {
		if !slices.Contains(takenFeatures, name) {
			f.root.lost.note("feature %s is left out: it is one to choose, and a recipe is run as it is written", name)
		}
	}
	for _, name := range []string{"dependencies", "hardware_notes", "kv_offload_support"} {
		if f.root.at(name).is() {
			f.root.lost.note("%s is left out: a recipe has no place for it", name)
		}
	}
	if f.root.at("model").at("nightly_required").flag() {
		f.root.lost.note("the file asks for a nightly build of vLLM")
	}
	return f.root.lost.all
}

// takenFeatures are abilities that a server is always told about.
var takenFeatures = []string{"tool_calling", "reasoning"}

// kinds names the GPU types of the table.
func kinds(t *recipe.Tables) string {
	var kinds []string
	for _, g := range t.GPUs {
		kinds = append(kinds, g.Type)
	}
	return strings.Join(kinds, ", ")
}

// namesOf are the names that a file has for a kind of GPU, general ones first.
func namesOf(gpu recipe.GPUFacts) []string {
	return []string{"amd", gpu.Arch, strings.ToLower(gpu.Type)}
}

// excluded tells why a variant is not for this GPU, "" if it is.
func (f modelFile) excluded(v tree, gpu recipe.GPUFacts) string {
	precision := v.at("precision").text()
	brand := v.at("precision_hardware").at("brand").text()
	only := v.at("supported_hardware").words()
	switch {
	case precision == "nvfp4" || brand != "" && !strings.EqualFold(brand, "amd"):
		return fmt.Sprintf("%s is for GPUs of %s", cmp.Or(precision, "it"), cmp.Or(brand, "NVIDIA"))
	case !slices.Contains(aim.Precisions(), precision):
		return fmt.Sprintf("precision %q is not known", precision)
	case len(only) > 0 && !slices.ContainsFunc(namesOf(gpu), func(n string) bool { return slices.Contains(only, n) }):
		return "its supported_hardware is " + strings.Join(only, ", ")
	}
	return ""
}

// recipe makes one; why tells what keeps it from being made.
func (f modelFile) recipe(gpu recipe.GPUFacts, name string) (made Imported, why string, err error) {
	v := f.root.at("variants").at(name)
	if why := f.excluded(v, gpu); why != "" {
		return made, why, nil
	}
	backend, model := aim.Backends()[0], f.root.at("model").at("model_id").text()
	needed := v.at("vram_minimum_gb").number()
	r := recipe.Recipe{
		Model: model, Checkpoint: v.at("model_id").text(), Precision: v.at("precision").text(), Backend: backend, Maturity: "verified",
		Hardware: recipe.Hardware{GPUType: gpu.Type, Memory: recipe.Size(needed * 1e9)},
	}
	if r.Checkpoint == model {
		r.Checkpoint = ""
	}
	b := newBuilder(f.doc, r)
	f.chooseImage(b, v, gpu)
	table, err := options.For(backend, b.recipe.ServerVersion())
	if err != nil {
		return made, "", f.doc.Wrong([]string{"model", "min_vllm_version"}, "%v", err)
	}
	parts := f.parts(gpu, v)
	if b.recipe.Hardware.GPUCount, why = f.count(b, table, gpu, v, parts); why != "" {
		return made, why, nil
	}
	for _, p := range parts {
		b.takeArgs(table, p.args)
		b.takeEnv(table, p.env)
	}
	made = b.finish(nil)
	if f.ids[made.Recipe.ID] { // two variants in the same precision
		made.Recipe.ID += "-" + strings.Trim(notID().ReplaceAllString(strings.ToLower(name), "-"), "-._")
	}
	f.ids[made.Recipe.ID] = true
	if err := made.Recipe.Validate(); err != nil {
		return made, "what it says makes no recipe: " + aim.FailureOf(err).Why, nil
	}
	return made, "", nil
}

// settings are arguments and environment from one place of the file.
type settings struct {
	args []string
	env  map[string]string
	tp   tree
}

func settingsOf(t tree) settings {
	if !t.is() {
		return settings{tp: tree{lost: t.lost}}
	}
	args := slices.Concat(t.at("extra_args").words(), t.at("vllm_args").words())
	env := t.at("extra_env").env()
	for name, value := range t.at("env").env() {
		env[name] = value
	}
	return settings{args, env, t.at("tp")}
}

// parts are the settings that go for the variant on this GPU, general ones
// first: what a part says last counts. Features that are not asked for, such as
// speculative decoding, are not among them.
func (f modelFile) parts(gpu recipe.GPUFacts, v tree) []settings {
	base := f.root.at("model")
	all := []settings{{args: base.at("base_args").words(), env: base.at("base_env").env(), tp: tree{lost: f.root.lost}}}
	for _, name := range takenFeatures {
		feature := f.root.at("features").at(name)
		if feature.is() && feature.at("hardware").forGPU(namesOf(gpu)).text() != "unsupported" {
			args := feature.at("args").words()
			if own := feature.at("hardware_overrides").forGPU(namesOf(gpu)); own.is() {
				args = own.at("args").words()
			}
			all = append(all, settings{args: args, tp: tree{lost: f.root.lost}})
		}
	}
	all = append(all, settingsOf(v))
	own := func(t tree) {
		if t.is() {
			for _, name := range namesOf(gpu) {
				all = append(all, settingsOf(t.at(name)))
			}
		}
	}
	own(f.root.at("hardware_overrides"))
	own(v.at("hardware_overrides"))
	if one := f.root.at("strategy_overrides").at("single_node_tp"); one.is() {
		all = append(all, settingsOf(one))
		own(one.at("hardware_overrides"))
	}
	return all
}

var plainVersion = aim.Pattern(`^\d+\.\d+\.\d+$`)

// chooseImage keeps the default image where it is new enough for the model.
func (f modelFile) chooseImage(b *builder, v tree, gpu recipe.GPUFacts) {
	base := f.root.at("model")
	image := v.at("hardware_overrides").forGPU(namesOf(gpu)).orNone().at("docker_image").text()
	for _, t := range []tree{v.at("docker_image"), base.at("docker_image")} {
		if image == "" && t.names0() != nil { // a single text is for another maker
			image = t.forGPU(namesOf(gpu)).text()
		}
	}
	if image != "" && recipe.VersionOfImage(image) != "" {
		b.recipe.Image = image
		return
	}
	if image != "" {
		b.note("image %s is left out: its tag names no version", image)
	}
	wanted := cmp.Or(v.at("min_vllm_version").text(), base.at("min_vllm_version").text())
	if plainVersion().MatchString(wanted) && options.Newer(wanted, b.recipe.ServerVersion()) {
		b.recipe.Image = "vllm/vllm-openai-rocm:v" + wanted
		b.note("image %s is taken: the model needs vLLM %s", b.recipe.Image, wanted)
	}
}

// orNone is the tree, or an empty map for nothing.
func (t tree) orNone() tree {
	if t.value == nil {
		t.value = map[string]any{}
	}
	return t
}

// usable is the part of a GPU's memory that a server takes, as in defaults.yaml.
const usable = 0.9

// count is the file's own tensor parallel size, the most special one, else the
// smallest number of GPUs that has the memory it asks for. why is set where no
// machine has it.
func (f modelFile) count(b *builder, table *options.Table, gpu recipe.GPUFacts, v tree, parts []settings) (n int, why string) {
	const machine = 8
	for _, p := range parts {
		opts, _ := table.Salvage(p.args)
		if o, ok := table.Get(opts, "tensor-parallel-size"); ok {
			if size, isInt := typed(o.Value).(int); isInt && size > 0 {
				n = size
			}
		}
		if size := int(p.tp.forGPU(namesOf(gpu)).number()); size > 0 {
			n = size
		}
	}
	needed, each := v.at("vram_minimum_gb").number(), float64(gpu.VRAM)*usable/1e9
	if needed > machine*each {
		return 0, fmt.Sprintf("it asks for %g GB, and a machine of %d has %.0f GB to use", needed, machine, machine*each)
	}
	if n > machine {
		return 0, fmt.Sprintf("it takes %d GPUs, and a machine has %d", n, machine)
	}
	if n > 0 {
		return n, ""
	}
	for n = 1; n < machine && float64(n)*each < needed; n *= 2 {
	}
	b.note("hardware.gpu_count is %d: the file names none, and so many %s have the %g GB that it asks for", n, gpu.Type, needed)
	return n, ""
}
