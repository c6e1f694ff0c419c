package model

import (
	"cmp"
	"slices"
)

// longest is the context that the file allows, by vLLM's own rules for scaled
// positions; 0 when it does not say.
func longest(t fields) int {
	n := cmp.Or(t.number(namesOfContext...), classOf(t).position)
	rope, ok := t.object("rope_scaling", "rope_parameters")
	if !ok || n == 0 {
		return n
	}
	kind, factor := rope.text("rope_type", "type"), rope.real("factor")
	switch {
	case !(factor > 1 && factor <= 1024), classOf(t).fullEvery == gemma3Every: // whose positions are those after scaling
		return n
	case slices.Contains([]string{"llama3", "su", "longrope", "mrope", "default"}, kind):
		return n
	case kind == "yarn":
		n = cmp.Or(rope.number("original_max_position_embeddings"), n)
	}
	return int(min(float64(n)*factor, maxCount))
}

// gemma3Every is the distance of Gemma 3's full layers.
const gemma3Every = 6
