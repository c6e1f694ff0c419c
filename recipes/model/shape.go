package model

import (
	"cmp"
	"slices"
	"strings"
)

// shapeOf reads the shape of a model. What a file leaves out is what its
// family's class in transformers takes for it.
func shapeOf(k family, outer, text fields) *Architecture {
	a := &Architecture{
		Layers: text.number("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
		Hidden: text.number("hidden_size", "n_embd", "d_model"),
		Heads:  cmp.Or(text.number("num_attention_heads", "n_head", "num_heads", "n_heads"), k.defaults().heads),
		Vocab:  cmp.Or(text.number("vocab_size"), outer.number("vocab_size"), k.defaults().vocab),
		Tied:   tied(k, outer, text),
		Source: "config.json",
	}
	a.KVHeads = cmp.Or(text.number("num_key_value_heads", "multi_query_group_num", "n_head_kv"), k.defaults().kvHeads, a.Heads)
	a.HeadDim = cmp.Or(text.number("head_dim", "attention_head_dim", "kv_channels"), k.defaults().headDim)
	if a.HeadDim == 0 && a.Heads > 0 {
		a.HeadDim = a.Hidden / a.Heads
	}
	a.Intermediate = text.number("intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim")
	if a.Intermediate == 0 && k == "gpt2" {
		a.Intermediate = 4 * a.Hidden
	}
	a.MaxPosition = longest(k, text)
	a.MTPLayers = text.number("num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers")
	a.Encoder = slices.Contains([]family{"bert", "roberta", "xlm-roberta", "modernbert", "distilbert", "camembert"}, k)
	readLatent(a, k, text)
	readExperts(a, k, text)
	readLocal(a, k, text)
	readLinear(a, k, text)
	if vision, ok := outer.object("vision_config"); ok {
		a.Extra = tower(vision)
	}
	return a
}

// tied tells whether output head and embedding are one matrix. Where neither
// file nor family says so they are taken to be two, which is the larger guess.
func tied(k family, outer, text fields) bool {
	return text.flag("tie_word_embeddings", outer.flag("tie_word_embeddings", k.defaults().tied))
}

// longest is the context that the file allows, by vLLM's own rules for scaled
// positions; 0 when it does not say.
func longest(k family, text fields) int {
	n := cmp.Or(text.number("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length", "max_seq_len", "model_max_length"), k.defaults().position)
	rope, ok := text.object("rope_scaling", "rope_parameters")
	if !ok || n == 0 {
		return n
	}
	kind, factor := rope.text("rope_type", "type"), rope.real("factor")
	switch {
	case factor <= 1, factor > 1024, strings.HasPrefix(string(k), "gemma3"):
		return n
	case slices.Contains([]string{"llama3", "su", "longrope", "mrope", "default"}, kind):
		return n
	case kind == "yarn":
		n = cmp.Or(rope.number("original_max_position_embeddings"), n)
	}
	return int(float64(n) * factor)
}

// readLatent reads multi-head latent attention. Other families use the same
// field names without keeping the latents in the cache.
func readLatent(a *Architecture, k family, text fields) {
	if text.number("kv_lora_rank") == 0 || !k.latent() {
		return
	}
	a.MLA = &MLA{
		QLora: text.number("q_lora_rank"), KVLora: text.number("kv_lora_rank"),
		NoPE: text.number("qk_nope_head_dim"), RoPE: text.number("qk_rope_head_dim"), V: text.number("v_head_dim"),
	}
	a.KVHeads, a.HeadDim = 1, a.MLA.NoPE+a.MLA.RoPE
	if n := text.number("index_head_dim"); n > 0 {
		a.MLA.IndexBytes = n + 4 // 8-bit keys and one 32-bit scale
	}
}

// readExperts reads a mixture of experts.
func readExperts(a *Architecture, k family, text fields) {
	a.Experts = text.number("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
	if a.Experts <= 1 {
		a.Experts = 0
		return
	}
	a.ExpertsUsed = text.number("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts", "experts_per_token")
	a.ExpertWidth = cmp.Or(text.number("moe_intermediate_size", "expert_intermediate_size", "moe_ffn_hidden_size"), a.Intermediate)
	a.SharedExperts = text.number("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
	if width := text.number("shared_expert_intermediate_size", "shared_intermediate_size"); width > 0 && a.ExpertWidth > 0 {
		a.SharedExperts = (width + a.ExpertWidth - 1) / a.ExpertWidth
	}
	if k == "llama4_text" || k == "llama4" {
		a.SharedExperts = 1
	}
	a.DenseLayers = min(cmp.Or(text.number("first_k_dense_replace"), text.number("moe_layer_start_index")), a.Layers)
	a.MoEEvery = max(text.number("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_freq"), 1)
	a.DenseWidth = cmp.Or(text.number("intermediate_size_mlp"), a.Intermediate)
}

// readLocal reads layers that look only at nearby tokens. A window whose layers
// are not told is ignored: all layers then count in full, which is the larger
// guess.
func readLocal(a *Architecture, k family, text fields) {
	window := text.number("sliding_window", "sliding_window_size")
	if chunk := text.number("attention_chunk_size"); chunk > 0 {
		window = chunk
	}
	if window == 0 {
		window = k.defaults().window
	}
	if window == 0 || !text.flag("use_sliding_window", true) || a.MaxPosition > 0 && window >= a.MaxPosition {
		return
	}
	layers := 0
	kinds := text.texts("layer_types")
	for _, kind := range kinds {
		if kind == "sliding_attention" || kind == "chunked_attention" {
			layers++
		}
	}
	if len(kinds) == 0 {
		layers = localLayers(a.Layers, k, text)
	}
	if layers > 0 && layers <= a.Layers {
		a.Local = &Local{Layers: layers, Window: window, Source: "config.json"}
	}
}

// localLayers counts them where the file does not list the kinds of layers.
func localLayers(layers int, k family, text fields) int {
	full := cmp.Or(text.number("sliding_window_pattern"), k.defaults().fullEvery)
	switch {
	case text.has("max_window_layers") && text.has("use_sliding_window"):
		return max(layers-text.number("max_window_layers"), 0)
	case full == everyLayer:
		return layers
	case full > 1:
		return layers - layers/full
	}
	return 0
}

// readLinear reads layers of linear attention (gated delta nets), whose state
// for a request has one size, whatever its length.
func readLinear(a *Architecture, k family, text fields) {
	kinds := text.texts("layer_types")
	layers := 0
	for _, kind := range kinds {
		if strings.Contains(kind, "linear") || strings.Contains(kind, "mamba") || kind == "conv" {
			layers++
		}
	}
	if every := text.number("full_attention_interval"); len(kinds) == 0 && every > 1 {
		layers = a.Layers - a.Layers/every
	}
	if layers == 0 || layers > a.Layers {
		return
	}
	a.Gated = text.flag("attn_output_gate", k == "qwen3_next")
	keys := float64(text.number("linear_num_key_heads")) * float64(text.number("linear_key_head_dim"))
	values := float64(text.number("linear_num_value_heads")) * float64(text.number("linear_value_head_dim"))
	convolved := (2*keys + values) * float64(max(text.number("linear_conv_kernel_dim")-1, 0))
	a.Linear = &Linear{
		Layers: layers, Source: "config.json",
		StateBytes: uint64(2 * (values*float64(text.number("linear_key_head_dim")) + convolved)),
		Parameters: uint64(float64(a.Hidden) * (2*keys + 3*values)),
	}
}

// tower counts a vision tower: attention and feed-forward of every layer.
func tower(vision fields) uint64 {
	layers := vision.number("num_hidden_layers", "depth", "layers")
	hidden := vision.number("hidden_size", "embed_dim", "width")
	inner := cmp.Or(vision.number("intermediate_size"), 4*hidden)
	return uint64(float64(layers) * (4*f(hidden, hidden) + 3*f(hidden, inner)))
}
