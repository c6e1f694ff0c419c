package model

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Quantization is how a checkpoint keeps its weights.
type Quantization struct {
	Method    string // the tool or method of its config, "" = not quantized
	Name      string // of the format, for people, such as NVFP4 or fp6_e3m2
	Precision string // one of aim.Precisions, "" where the format is not known
	Source    string // the file and field that say so
	Block     int    // weights of a row that share a scale, where the server cannot cut blocks; 0 = any cut is fine
	KVCache   string // type of the values in the KV cache that the checkpoint is made for; "" = not told

	// Bits of one weight, with its part of scales and zero points, of each
	// part; 0 = 16 bit.
	Bits [parts]float64

	words [parts]string // the precision of each part
}

// part is what a format may go for.
type part int

const (
	attentionPart part = iota
	statePart
	densePart
	sharedPart
	expertPart
	headPart
	parts
)

// NotOnAMD are methods that vLLM refuses on ROCm (its platform's list of
// supported methods does not have them).
var NotOnAMD = []string{"gptq_marlin", "moe_wna16", "inc", "humming"}

// format is one way to keep weights.
type format struct {
	precision, name string
	bits            float64
}

// scaled is a format of so many bits with an 8-bit scale for each group.
func scaled(precision, name string, bits float64, group int) format {
	if group > 0 {
		bits += 8 / float64(group)
	}
	return format{precision, name, bits}
}

// whole is whole numbers of 4 or 8 bits; a group has a 16-bit scale and a zero
// point.
func whole(bits, group int) format {
	f := format{"int4", "4-bit whole numbers", float64(bits)}
	switch bits {
	case 4:
	case 8:
		f.precision, f.name = "int8", "8-bit whole numbers"
	default:
		return format{}
	}
	if group > 0 {
		f.bits += float64(16+bits) / float64(group)
	}
	return f
}

// sixteen is a part that is not quantized.
var sixteen = format{"", "", 16}

// formatOf reads the name that a tool has for a format: an algorithm of NVIDIA's
// ModelOpt, a type of AMD's Quark, or a plain type.
func formatOf(name string, group int) format {
	word := strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(name))
	starts := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(word, p) })
	}
	switch {
	case word == "", word == "none":
		return format{}
	case starts("mxfp4", "w4a8_mxfp4", "w4a16_mxfp4", "fp4_mx"), word == "fp4", word == "mx4":
		return scaled("mxfp4", "MXFP4", 4, cmp.Or(group, 32))
	case starts("nvfp4", "w4a16_nvfp4", "w4a8_nvfp4"):
		return scaled("nvfp4", "NVFP4", 4, cmp.Or(group, 16))
	case starts("mxfp6", "fp6"):
		return scaled("mxfp6", cmp.Or(name, "MXFP6"), 6, cmp.Or(group, 32))
	case starts("mxfp8", "w8a8_mxfp8"):
		return scaled("fp8", "MXFP8", 8, cmp.Or(group, 32))
	case starts("fp8", "float8", "w8a8_fp8", "fbgemm_fp8", "ptpc_fp8", "e4m3", "e5m2"):
		return format{"fp8", "FP8", 8}
	case starts("int4", "uint4", "w4a16", "w4a8", "q4"):
		return whole(4, cmp.Or(group, 128))
	case starts("int8", "uint8", "w8a8", "w8a16", "q8"):
		return whole(8, 0)
	}
	return format{}
}

// findQuantization looks wherever tools write how weights are kept: in
// config.json, inside the language part, or in a file beside it.
func findQuantization(d Description, outer, t fields, s *Shape) Quantization {
	var q Quantization
	for _, f := range []fields{outer, t} {
		for _, name := range []string{"quantization_config", "compression_config", "quantization"} {
			if c, ok := f.object(name); ok && q.Method == "" {
				q = readQuantization(c, s)
				q.Source = name
			}
		}
	}
	for _, name := range []string{"hf_quant_config.json", "quantize_config.json", "quant_config.json"} {
		if q.Method != "" && q.KVCache != "" || len(d.Beside[name]) == 0 {
			continue
		}
		file, err := readFields(name, d.Beside[name])
		if err != nil {
			outer.log.note("%s cannot be read: it is not JSON", name)
			continue
		}
		if inner, ok := file.object("quantization"); ok {
			file = inner
		}
		found := readQuantization(file, s)
		if q.Method == "" && found.Method != "" {
			q, q.Source = found, name
		}
		q.KVCache = cmp.Or(q.KVCache, found.KVCache)
	}
	if word := t.text("expert_dtype"); word != "" && q.Method != "" {
		if f := formatOf(word, 0); f.bits > 0 {
			q.put(f, expertPart)
			q.Precision = q.largest(s.Count())
		}
	}
	return q
}

// readQuantization reads one object in the forms of the tools that write it.
func readQuantization(f fields, s *Shape) Quantization {
	q := Quantization{Method: strings.ToLower(f.text("quant_method"))}
	algorithm := f.text("quant_algo", "quantization", "quant_type")
	producer, _ := f.object("producer")
	if q.Method == "" {
		switch {
		case algorithm != "" || producer.text("name") == "modelopt":
			q.Method = cmp.Or(strings.ToLower(producer.text("name")), "modelopt")
		case f.has("config_groups"):
			q.Method = "compressed-tensors"
		case f.has("bits", "w_bit"):
			q.Method = "gptq"
		}
	}
	group := f.number("group_size", "q_group_size")
	switch q.Method {
	case "":
	case "awq", "gptq", "gptq_marlin", "awq_marlin":
		q.everywhere(whole(cmp.Or(f.number("bits", "w_bit"), 4), cmp.Or(group, 128)))
	case "mxfp4", "gpt_oss_mxfp4":
		q.put(formatOf("mxfp4", 0), expertPart)
	case "bitsandbytes":
		if f.flag("load_in_4bit", false) {
			q.everywhere(whole(4, 64))
		} else {
			q.everywhere(whole(8, 0))
		}
	case "quark":
		q.quark(f)
	default:
		if q.groups(f); !q.set() {
			q.everywhere(formatOf(cmp.Or(algorithm, q.Method, f.text("fmt")), group))
		}
		q.named(f)
		q.Name = cmp.Or(q.Name, algorithm)
	}
	for _, name := range []string{"weight_block_size", "block_structure"} {
		if blocks := f.numbersOf(name); len(blocks) == 2 {
			q.Block = blocks[0]
		}
	}
	q.keep(f, s)
	q.cache(f)
	q.Precision = q.largest(s.Count())
	return q
}

// largest is the precision of the part that has most parameters.
func (q *Quantization) largest(c Count) (word string) {
	most := 0.0
	for p, n := range c.byPart() {
		if q.Bits[p] > 0 && n > most {
			most, word = n, q.words[p]
		}
	}
	return word
}

// byPart lists the parameters of the parts that may be quantized.
func (c Count) byPart() [parts]float64 {
	return [parts]float64{attentionPart: c.Attention, statePart: c.State, densePart: c.Dense, sharedPart: c.Shared, expertPart: c.Experts}
}

// set tells whether the format of any part is known.
func (q *Quantization) set() bool { return q.Bits != [parts]float64{} }

// everywhere sets the format of all parts but embedding and head, which stay in
// 16 bit.
func (q *Quantization) everywhere(f format) {
	q.put(f, attentionPart, statePart, densePart, sharedPart, expertPart)
}

func (q *Quantization) put(f format, to ...part) {
	if f.bits == 0 {
		return
	}
	for _, p := range to {
		q.Bits[p], q.words[p] = f.bits, f.precision
	}
	if f.name != "" && !strings.Contains(q.Name, f.name) {
		q.Name = strings.Trim(q.Name+", "+f.name, ", ")
	}
}

// groups reads compressed-tensors and those who write like it: groups of
// modules, each with a format.
func (q *Quantization) groups(f fields) {
	all, ok := f.object("config_groups")
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all.raw)) {
		g, _ := all.object(name)
		w, ok := g.object("weights")
		if !ok {
			continue
		}
		bits, group := w.number("num_bits"), w.number("group_size")
		var found format
		switch kind := w.text("type"); {
		case kind == "float" && bits == 8:
			found = formatOf("fp8", 0)
			if w.text("scale_dtype") == "torch.uint8" && group > 0 {
				found = formatOf("mxfp8", group)
			}
		case kind == "float" && bits == 4 && group == 32:
			found = formatOf("mxfp4", group)
		case kind == "float" && bits == 4:
			found = formatOf("nvfp4", group)
		case kind == "float" && bits == 6:
			found = formatOf("mxfp6", group)
		case kind == "int":
			if found = whole(bits, group); group > 0 && w.flag("symmetric", false) {
				found.bits -= float64(bits) / float64(group) // there is no zero point
			}
		}
		if blocks := w.numbersOf("block_structure"); len(blocks) == 2 {
			q.Block = blocks[0]
		}
		q.put(found, partsOf(g.texts("targets"))...)
	}
}

// named reads a list of modules, each with its own format.
func (q *Quantization) named(f fields) {
	all, ok := f.object("quantized_layers")
	if !ok {
		return
	}
	type key struct {
		part part
		f    format
	}
	found := map[key]int{}
	for name, raw := range all.raw {
		var m struct {
			Algorithm string `json:"quant_algo"`
			Group     int    `json:"group_size"`
		}
		if json.Unmarshal(raw, &m) != nil {
			continue
		}
		for _, p := range partsOf([]string{name}) {
			found[key{p, formatOf(m.Algorithm, m.Group)}]++
		}
	}
	for p := range parts { // of each part, the format of most of its modules
		best, most := format{}, 0
		for k, n := range found {
			if k.part == p && (n > most || n == most && k.f.name < best.name) {
				best, most = k.f, n
			}
		}
		q.put(best, p)
	}
}

// quark reads AMD's own tool: one format for all, and others for some modules.
func (q *Quantization) quark(f fields) {
	read := func(c fields) format {
		w, ok := c.object("weight")
		if !ok {
			return format{}
		}
		return formatOf(w.text("dtype"), w.number("group_size"))
	}
	all, _ := f.object("global_quant_config")
	if w, ok := all.object("weight"); ok {
		q.everywhere(read(all))
		q.Name = cmp.Or(q.Name, w.text("dtype"))
	}
	layers, _ := f.object("layer_quant_config")
	for _, name := range slices.Sorted(maps.Keys(layers.raw)) {
		if c, ok := layers.object(name); ok {
			if found := read(c); found.bits > 0 {
				q.put(found, partsOf([]string{name})...)
			}
		}
	}
}

// partsOf tells which parts the names of modules are of; a name of a class, such
// as Linear, is of all.
func partsOf(targets []string) []part {
	var found []part
	add := func(more ...part) {
		for _, p := range more {
			if !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	for _, name := range targets {
		if p, ok := partOf(name); ok {
			add(p)
		} else if !strings.ContainsAny(name, "./") || strings.Trim(name, "re:.*^$") == "" {
			add(attentionPart, statePart, densePart, sharedPart, expertPart)
		}
	}
	if len(targets) == 0 {
		add(attentionPart, statePart, densePart, sharedPart, expertPart)
	}
	return found
}

// partOf tells which part a module is of, by its name.
func partOf(name string) (part, bool) {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	switch {
	case has("shared_expert"):
		return sharedPart, true
	case has("expert"):
		return expertPart, true
	case has("linear_attn", "mamba", "mixer", "conv"):
		return statePart, true
	case has("attn", "attention"):
		return attentionPart, true
	case has("lm_head", "embed"):
		return headPart, true
	case has("mlp", "feed_forward", "ffn"):
		return densePart, true
	}
	return 0, false
}

// keep reads which parts stay in 16 bit: those of which modules of at least half
// of the layers are named, or of all by a pattern.
func (q *Quantization) keep(f fields, s *Shape) {
	names := slices.Concat(f.texts("modules_to_not_convert"), f.texts("ignore"), f.texts("ignored_layers"), f.texts("exclude"), f.texts("exclude_modules"))
	layers := map[part]map[string]bool{}
	for _, name := range names {
		p, ok := partOf(name)
		if !ok || p == headPart || slight(name) {
			continue
		}
		if layers[p] == nil {
			layers[p] = map[string]bool{}
		}
		if n := layerNumber().FindStringSubmatch(name); n != nil {
			layers[p][n[1]] = true
		} else {
			layers[p]["*"] = true
		}
	}
	for p, named := range layers {
		if named["*"] || 2*len(named) >= s.having(p) {
			q.Bits[p] = 0
		}
	}
}

var layerNumber = aim.Pattern(`(?:layers|blocks|h)\.(\d+)(?:\.|$)`)

// slight are modules that are small, and in 16 bit almost always.
func slight(name string) bool {
	for _, w := range []string{"norm", "bias", "gate.", "indexer", "conv1d", "router", "weights_proj", "A_log", "dt_", "in_proj_a", "in_proj_b"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return strings.HasSuffix(name, ".gate") || strings.HasSuffix(name, "_gate")
}

// having counts the layers that have a part.
func (s *Shape) having(p part) int {
	n := 0
	for _, k := range s.kinds {
		has := map[part]bool{
			attentionPart: k.Attends(), statePart: k.State.Bytes > 0, densePart: k.Dense.Width > 0,
			sharedPart: k.Experts.Shared > 0, expertPart: k.Experts.Count > 0,
		}
		if has[p] {
			n += k.Count
		}
	}
	return max(n, 1)
}

// cache reads the type of the KV cache: a scheme of compressed-tensors, or the
// word of ModelOpt.
func (q *Quantization) cache(f fields) {
	word := f.text("kv_cache_quant_algo")
	if scheme, ok := f.raw["kv_cache_scheme"]; ok && len(scheme) > 0 && scheme[0] == '"' {
		word = cmp.Or(word, f.text("kv_cache_scheme"))
	} else if c, ok := f.object("kv_cache_scheme"); ok && c.number("num_bits") == 8 && c.text("type") == "float" {
		word = "fp8"
	}
	if found := formatOf(word, 0); found.precision == "fp8" {
		q.KVCache = "fp8"
	}
}

// bytes is the size of the weights in the checkpoint's own formats.
func (q Quantization) bytes(c Count) float64 {
	sum := half * (c.Tables + c.Routers + c.Extra)
	for p, n := range c.byPart() {
		bits := q.Bits[p]
		if bits == 0 {
			bits = 16
		}
		sum += bits / 8 * n
	}
	return sum
}

// Supposed is a quantization of everything in a precision, as the usual tools
// make it; ok is false for a precision that none makes.
func Supposed(precision string) (q Quantization, ok bool) {
	var f format
	switch precision {
	case "bf16", "fp16":
		f = sixteen
	case "fp32":
		f = format{precision, "32 bit", 32}
	case "fp4":
		f = formatOf("mxfp4", 0)
	default:
		f = formatOf(precision, 0)
	}
	if f.bits == 0 {
		return Quantization{}, false
	}
	q.everywhere(f)
	q.Method, q.Precision = "supposed", precision
	return q, true
}

// Emulated says that GPUs of an architecture have no arithmetic for a format and
// compute it in a wider one, "" where they have it or the format is none. AMD's
// gfx950 has MXFP4 and MXFP6, gfx942 neither; NVFP4 is none of AMD's.
func (q Quantization) Emulated(arch string) string {
	switch {
	case strings.Contains(q.Name, "NVFP4") || q.Precision == "nvfp4":
		return "NVFP4 is emulated on AMD GPUs: the weights are small, the arithmetic is that of 16 bit"
	case strings.HasPrefix(q.Precision, "mxfp") && arch == "gfx942":
		return strings.ToUpper(q.Precision) + " is emulated on " + arch + ": the weights are small, the arithmetic is that of 16 bit"
	}
	return ""
}
