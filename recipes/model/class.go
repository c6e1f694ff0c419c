package model

// class is what a model's class in transformers takes where a file leaves a
// field out. A class is told by fields that only its files have, never by its
// name.
type class struct {
	marks                   []string // all of them are there
	heads, kvHeads, width   int
	vocab, position, window int
	fullEvery               int // each so-manieth layer sees everything, the others have the window
	tied                    bool
	gated                   bool // attention has a gate as wide as its queries
	shared                  int  // shared experts of the routed experts' width
}

// classes are in the order in which they are tried.
var classes = []class{
	{marks: []string{"mm_tokens_per_image"}, heads: 8, kvHeads: 4, width: 256, vocab: 262208, position: 131072, window: 4096, fullEvery: gemma3Every, tied: true},                     // Gemma 3 with images
	{marks: []string{"rope_local_base_freq"}, heads: 8, kvHeads: 4, width: 256, vocab: 262208, position: 131072, window: 4096, fullEvery: gemma3Every, tied: true},                    // Gemma 3
	{marks: []string{"attn_logit_softcapping", "query_pre_attn_scalar"}, width: 256, window: 4096, fullEvery: 2, tied: true},                                                          // Gemma 2
	{marks: []string{"query_pre_attn_scalar", "sliding_window"}, heads: 8, kvHeads: 4, width: 256, vocab: 262208, position: 131072, window: 4096, fullEvery: gemma3Every, tied: true}, // Gemma 3
	{marks: []string{"query_pre_attn_scalar"}, width: 256, tied: true},                                                                                                                // Gemma
	{marks: []string{"hidden_activation"}, tied: true},                                     // Gemma, ModernBERT
	{marks: []string{"logit_scale"}, fullEvery: 4, tied: true},                             // Cohere
	{marks: []string{"swiglu_limit", "initial_context_length"}, fullEvery: 2},              // gpt-oss
	{marks: []string{"linear_num_value_heads"}, gated: true},                               // Qwen3-Next
	{marks: []string{"interleave_moe_layer_step"}, shared: 1},                              // Llama 4
	{marks: []string{"n_embd", "n_head"}, tied: true},                                      // GPT-2
	{marks: []string{"type_vocab_size"}, tied: true},                                       // BERT and those after it
	{marks: []string{"sinusoidal_pos_embds"}, tied: true},                                  // DistilBERT
	{marks: []string{"residual_dropout", "embedding_dropout", "norm_epsilon"}, tied: true}, // StarCoder2
}

// classOf finds the class of the text part's fields, with those of the outer
// object laid under them.
func classOf(t fields) class {
	for _, c := range classes {
		all := true
		for _, m := range c.marks {
			_, given := t.raw[m]
			all = all && given && string(t.raw[m]) != "null"
			t.log.asked[m] = true
		}
		if all {
			return c
		}
	}
	return class{}
}

// encodes tells a model that reads a text at once, by the fields of the encoder
// classes.
func encodes(t fields) bool {
	if t.flag("is_decoder", false) || t.flag("is_causal", false) {
		return false
	}
	return t.has("type_vocab_size") || t.has("sinusoidal_pos_embds") || t.has("global_attn_every_n_layers") ||
		string(t.raw["use_bidirectional_attention"]) == "true"
}

// gatedFeed tells whether a feed-forward part has a gate: by its activation, and
// where both kinds use the same one by the norms and biases that go with it.
func gatedFeed(t fields) bool {
	switch act := t.text(namesOfActivation...); act {
	case "relu2", "relu", "gelu_new", "gelu_fast", "quick_gelu":
		return false
	case "gelu", "gelu_pytorch_tanh":
		old := t.has("type_vocab_size", "sinusoidal_pos_embds", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "new_decoder_architecture", "parallel_attn")
		return !old || t.has("rms_norm_eps")
	case "":
		return !t.has("new_decoder_architecture", "parallel_attn", "n_inner", "n_embd", "type_vocab_size", "sinusoidal_pos_embds", "expansion_ratio")
	}
	return true
}
