package model

import "cmp"

// readExtra counts what is beside the layers of the language part. A tower that
// cannot be read is told and not counted: it is a few per cent.
func readExtra(outer, t fields, layers, hidden int) float64 {
	sum := perLayerTables(t, layers, hidden)
	for _, name := range []string{"vision_config", "vision_tower_config", "audio_config"} {
		tower, ok := outer.object(name)
		if !ok {
			if _, given := outer.raw[name]; given && string(outer.raw[name]) != "null" {
				outer.log.note("%s is not counted", name)
			}
			continue
		}
		n, known := countTower(tower, hidden)
		if !known {
			outer.log.note("the part that %s describes is not counted", name)
			continue
		}
		sum += n
	}
	return sum
}

// countTower counts layers of attention and a feed-forward part, and the
// projections into the language part.
func countTower(v fields, hidden int) (float64, bool) {
	layers := v.number("num_hidden_layers", "depth", "layers", "vt_num_hidden_layers", "num_layers", "encoder_layers")
	width := v.number("hidden_size", "embed_dim", "width", "vt_hidden_size", "d_model")
	if layers == 0 || width == 0 || layers > maxLayers || width > maxWidth {
		return 0, false
	}
	inner := cmp.Or(v.number("intermediate_size", "vt_intermediate_size", "encoder_ffn_dim"), 4*width)
	matrices := 2.0
	if act := v.text("hidden_act", "hidden_activation"); act == "silu" || v.has("rms_norm_eps") {
		matrices = 3
	}
	sum := float64(layers) * (4*f(width, width) + matrices*f(width, inner))
	merged := width * max(v.number("spatial_merge_size"), 1) * max(v.number("spatial_merge_size"), 1)
	if list, ok := v.list("merge_kernel_size"); ok && len(list) == 2 && list[0] < 16 && list[1] < 16 {
		merged = width * max(list[0], 1) * max(list[1], 1)
	}
	if merged > width && merged <= maxWidth {
		deep, _ := v.list("deepstack_visual_indexes")
		sum += float64(1+len(deep)) * (f(merged, merged) + f(merged, cmp.Or(v.number("out_hidden_size", "text_hidden_size"), hidden)))
	}
	return sum, true
}

// maxWidth bounds a width: the widest known is 53,248.
const maxWidth = 1 << 22

// perLayerTables counts embeddings that single layers have of their own, and
// their projections.
func perLayerTables(t fields, layers, hidden int) float64 {
	width := t.number("hidden_size_per_layer_input")
	if width == 0 || width > maxWidth {
		return 0
	}
	all := layers * width
	return f(t.number("vocab_size_per_layer_input"), all) + f(hidden, all) + 2*f(hidden, all)
}
