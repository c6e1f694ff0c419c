package model

// The names that files of different families have for one quantity, in the
// order in which they are looked for. A name that is new goes here and nowhere
// else.
var (
	namesOfLayers    = []string{"num_hidden_layers", "n_layer", "num_layers", "n_layers"}
	namesOfHidden    = []string{"hidden_size", "n_embd", "d_model", "dim", "model_dim"}
	namesOfHeads     = []string{"num_attention_heads", "n_head", "num_heads", "n_heads", "num_query_heads"}
	namesOfKVHeads   = []string{"num_key_value_heads", "num_kv_heads", "n_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num", "num_attention_groups", "num_query_groups"}
	namesOfHeadWidth = []string{"head_dim", "attention_head_dim", "kv_channels", "attention_head_size", "head_size"}
	namesOfValue     = []string{"v_head_dim", "value_head_dim"}
	namesOfVocab     = []string{"vocab_size", "padded_vocab_size", "n_vocab"}
	namesOfContext   = []string{"max_position_embeddings", "n_positions", "seq_length", "max_sequence_length", "max_seq_len", "max_seq_length", "model_max_length", "n_ctx"}
	namesOfInner     = []string{"intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim", "hidden_dim", "block_ff_dim", "d_ff", "decoder_ffn_dim"}
	namesOfInnerRate = []string{"expansion_ratio", "mlp_ratio", "mlp_expansion_factor"}

	namesOfExperts      = []string{"num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_routed_experts", "n_experts"}
	namesOfExpertsUsed  = []string{"num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k", "top_k_experts", "experts_per_token", "num_selected_experts", "num_activated_experts", "n_experts_per_tok", "moe_router_topk", "num_experts_to_select"}
	namesOfExpertWidth  = []string{"moe_intermediate_size", "expert_intermediate_size", "moe_ffn_hidden_size", "expert_ffn_hidden_size", "expert_hidden_dim", "routed_expert_intermediate_size"}
	namesOfExpertHidden = []string{"moe_latent_size", "routed_expert_hidden_size", "expert_hidden_size"}
	namesOfShared       = []string{"n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"}
	namesOfSharedWidth  = []string{"moe_shared_expert_intermediate_size", "shared_expert_intermediate_size", "share_expert_dim", "shared_intermediate_size", "shared_expert_hidden_size"}
	namesOfFirstDense   = []string{"first_k_dense_replace", "moe_layer_start_index", "num_dense_layers", "n_dense_layers", "moe_num_dense_layers", "num_first_dense_layers", "first_dense_layers"}
	namesOfMoEEvery     = []string{"decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_frequency", "moe_layer_interval", "moe_every_n_layers"} // of every nth, the last has experts
	namesOfDenseWidth   = []string{"intermediate_size_mlp", "dense_intermediate_size", "dense_ffn_hidden_size"}

	namesOfWindow     = []string{"sliding_window", "sliding_window_size", "attention_window_size", "local_attention", "window_size"}
	namesOfDrafts     = []string{"num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_modules", "num_mtp_layers", "mtp_num_layers"}
	namesOfActivation = []string{"hidden_act", "mlp_hidden_act", "hidden_activation", "activation_function", "hidden_activation_function", "activation", "ffn_act_fn"}

	// Which layers do what, as one word for each layer.
	namesOfLayerKinds = []string{"layer_types", "layers_block_type", "attention_layers", "attn_layer_types"}
	namesOfMLPKinds   = []string{"mlp_layer_types", "ffn_layer_types"}
	// Which layers attend, as their numbers; the others keep a state.
	namesOfAttending = []string{"attn_layer_indices", "full_attn_idxs", "attn_layer_idxs", "attention_layer_indices"}
	namesOfMoELayers = []string{"moe_layers", "moe_layers_enum", "moe_layer_indices"}

	// Of layers that keep a state.
	namesOfStateSize  = []string{"mamba_d_state", "ssm_state_size", "state_size", "mamba_state_dim"}
	namesOfStateHeads = []string{"mamba_n_heads", "mamba_num_heads", "n_mamba_heads"}
	namesOfStateWidth = []string{"mamba_d_head", "mamba_head_dim", "mamba_headdim"}
	namesOfStateGroup = []string{"mamba_n_groups", "mamba_ngroups", "n_groups"}
	namesOfConv       = []string{"mamba_d_conv", "conv_kernel", "mamba_conv_kernel", "conv_kernel_size"}
	namesOfExpand     = []string{"mamba_expand", "expand"}
)

// passedBy are parts of names that speak of experts, groups, heads or caches and
// say nothing of how large a model is.
var passedBy = []string{
	"router", "routing", "topk_group", "n_group", "num_expert_group", "norm", "aux", "loss", "bias", "dropout", "factor", "scale", "renormalize",
	"activation", "dtype", "quant", "token", "multihead", "overlap", "capacity", "jitter", "theta", "use_", "index_", "cache", "score", "gate",
	"logit", "freq_", "_freq", "method", "head_type", "lm_head", "score", "eplb", "ep_size", "moe_tp", "implementation", "backend", "clip", "limit",
}
