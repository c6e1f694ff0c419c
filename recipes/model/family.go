package model

import "strings"

// family is a model's model_type in config.json.
type family string

// everyLayer says that all layers have the window.
const everyLayer = 1

// familyDefaults are values that a family's class in transformers has, and that
// its config.json therefore may leave out.
type familyDefaults struct {
	heads, kvHeads, headDim int
	vocab, position         int
	window                  int
	fullEvery               int // each so-manieth layer sees everything, the others have the window; everyLayer = none does
	tied                    bool
}

// families lists those that differ from "what is not told is not there".
var families = map[family]familyDefaults{
	"mistral":      {fullEvery: everyLayer},
	"mixtral":      {fullEvery: everyLayer},
	"starcoder2":   {fullEvery: everyLayer, tied: true},
	"gemma":        {headDim: 256, tied: true},
	"gemma2":       {headDim: 256, window: 4096, fullEvery: 2, tied: true},
	"gemma3_text":  {heads: 8, kvHeads: 4, headDim: 256, vocab: 262208, position: 131072, window: 4096, fullEvery: 6, tied: true},
	"gemma3":       {heads: 8, kvHeads: 4, headDim: 256, vocab: 262208, position: 131072, window: 4096, fullEvery: 6, tied: true},
	"cohere":       {tied: true},
	"cohere2":      {window: 4096, fullEvery: 4, tied: true},
	"gpt2":         {tied: true},
	"gpt_oss":      {window: 128, fullEvery: 2},
	"llama4_text":  {headDim: 128, window: 8192, fullEvery: 4},
	"bert":         {tied: true},
	"roberta":      {tied: true},
	"xlm-roberta":  {tied: true},
	"modernbert":   {tied: true},
	"distilbert":   {tied: true},
	"camembert":    {tied: true},
	"deepseek_v2":  {},
	"deepseek_v3":  {},
	"deepseek_v32": {},
}

func (k family) defaults() familyDefaults { return families[k] }

// latent tells whether the family keeps the latents of MLA in its cache.
func (k family) latent() bool {
	return strings.HasPrefix(string(k), "deepseek") || strings.HasPrefix(string(k), "kimi") || strings.HasPrefix(string(k), "glm")
}

// nativePrefixes begin the families that backends have code of their own for,
// so that a repository's code beside the weights (auto_map) is not needed.
var nativePrefixes = []string{
	"llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "phi3", "phimoe", "gpt_oss", "gpt2", "deepseek",
	"glm4", "cohere", "olmo", "granite", "minimax", "ernie4", "exaone4", "starcoder2", "bert", "roberta", "xlm-roberta", "modernbert",
}

func (k family) native() bool {
	for _, p := range nativePrefixes {
		if strings.HasPrefix(string(k), p) {
			return true
		}
	}
	return false
}
