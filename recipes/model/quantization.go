package model

import (
	"cmp"
	"slices"
	"strings"
)

// Quantization is how a checkpoint keeps its weights.
type Quantization struct {
	Method    string  // quant_method of its config, "" = not quantized
	Precision string  // one of aim.Precisions, "" where the method is not known
	Bits      float64 // of one weight, with its part of scales and zero points
	Block     int     // weights of a row that share a scale, where the server cannot cut blocks; 0 = any cut is fine
	Attention bool    // attention stays in 16 bit
	Experts   bool    // nothing but experts is quantized
}

// NotOnAMD are methods that vLLM refuses on ROCm (its platform's list of
// supported methods does not have them).
var NotOnAMD = []string{"gptq_marlin", "moe_wna16", "inc", "humming"}

// readQuantization reads quantization_config in the forms of the tools that
// write it.
func readQuantization(f fields) Quantization {
	q := Quantization{Method: strings.ToLower(f.text("quant_method"))}
	switch q.Method {
	case "fp8", "fbgemm_fp8":
		q.set("fp8", 8, 0)
		if blocks := f.numbers("weight_block_size"); len(blocks) == 2 {
			q.Block = blocks[0]
		}
	case "awq", "gptq", "gptq_marlin", "awq_marlin":
		q.integer(cmp.Or(f.number("bits", "w_bit"), 4), cmp.Or(f.number("group_size", "q_group_size"), 128))
	case "mxfp4":
		q.set("mxfp4", 4, 32)
		q.Experts = true
	case "bitsandbytes":
		q.integer(8, 0)
		if f.flag("load_in_4bit", false) {
			q.integer(4, 64)
		}
	case "compressed-tensors":
		q.groups(f)
	case "quark":
		q.quark(f)
	case "modelopt":
		q.modelopt(f.text("quant_algo"))
	}
	q.keeps(f)
	return q
}

// set takes a precision: bits of a weight and an 8-bit scale for each group.
func (q *Quantization) set(precision string, bits float64, group int) {
	q.Precision, q.Bits = precision, bits
	if group > 0 {
		q.Bits += 8 / float64(group)
	}
}

// integer takes whole numbers of 4 or 8 bits; a group has a 16-bit scale and a
// zero point.
func (q *Quantization) integer(bits, group int) {
	if bits != 4 && bits != 8 {
		return
	}
	q.Precision, q.Bits = "int4", float64(bits)
	if bits == 8 {
		q.Precision = "int8"
	}
	if group > 0 {
		q.Bits += float64(16+bits) / float64(group)
	}
}

// groups reads compressed-tensors: the first group speaks for all.
func (q *Quantization) groups(f fields) {
	all, _ := f.object("config_groups")
	first, _ := all.object("group_0")
	w, ok := first.object("weights")
	if !ok {
		return
	}
	bits, group := w.number("num_bits"), w.number("group_size")
	switch kind := w.text("type"); {
	case kind == "float" && bits == 8:
		q.set("fp8", 8, 0)
		if blocks := w.numbers("block_structure"); len(blocks) == 2 {
			q.Block = blocks[0]
		}
	case kind == "float" && bits == 4:
		q.set("fp4", 4, cmp.Or(group, 32))
	case kind == "int":
		q.integer(bits, group)
	}
}

// quark reads AMD's own tool.
func (q *Quantization) quark(f fields) {
	all, _ := f.object("global_quant_config")
	w, ok := all.object("weight")
	if !ok {
		return
	}
	switch kind := w.text("dtype"); {
	case strings.HasPrefix(kind, "fp8"):
		q.set("fp8", 8, 0)
	case kind == "fp4", strings.HasPrefix(kind, "mxfp4"):
		q.set("mxfp4", 4, 32)
	case kind == "int4", kind == "uint4":
		q.integer(4, cmp.Or(w.number("group_size"), 128))
	case kind == "int8":
		q.integer(8, 0)
	}
}

func (q *Quantization) modelopt(algorithm string) {
	switch {
	case strings.HasPrefix(algorithm, "FP8"):
		q.set("fp8", 8, 0)
	case strings.HasPrefix(algorithm, "NVFP4"):
		q.set("fp4", 4, 16)
	}
}

// keeps reads which parts stay in 16 bit. Embedding and head always do.
func (q *Quantization) keeps(f fields) {
	names := slices.Concat(f.texts("modules_to_not_convert"), f.texts("ignore"), f.texts("ignored_layers"), f.texts("exclude"))
	for _, n := range names {
		q.Attention = q.Attention || strings.Contains(n, "attn")
	}
}

// bytes is the size of the weights in the checkpoint's own precision.
func (q Quantization) bytes(p parts, kvHeads int) float64 {
	if q.Bits == 0 {
		return 2 * p.total(kvHeads)
	}
	attention := p.attention + p.kvHead*float64(kvHeads) + p.linear
	kept := float64(p.tables)*p.table + p.extra + p.repeated
	if q.Attention || q.Experts {
		kept += attention
	}
	if q.Experts {
		kept += p.dense
	}
	return 2*kept + q.Bits/8*(p.total(kvHeads)-kept)
}
