package options

import (
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
)

// named are the options whose value is a repository, or a path on the node, and
// which files of it the server reads.
var named = map[string]map[string]aim.CompanionKind{
	"vllm": {
		"tokenizer": aim.CompanionTokenizer, "hf-config-path": aim.CompanionTokenizer,
		"generation-config": aim.CompanionTokenizer, "speculative-model": aim.CompanionModel,
	},
	"sglang": {
		"tokenizer-path": aim.CompanionTokenizer, "speculative-draft-model-path": aim.CompanionModel,
		"speculative-draft-model": aim.CompanionModel,
	},
	"tgi": {"tokenizer-name": aim.CompanionTokenizer},
}

// words are values that stand where a repository could and are none.
var words = map[string]bool{"auto": true, "vllm": true, "ngram": true, "[ngram]": true, "None": true, "": true}

var repository = aim.Pattern(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Companions are the repositories that a server of this backend needs besides its
// model, as its options name them. A path on the node is none: whether a server
// may read it is another question. A value that is neither is a Failure of class
// input, since a server without the network would look for it in vain.
func Companions(backend, model string, opts []aim.Option) ([]aim.Companion, error) {
	var all []aim.Companion
	add := func(option string, kind aim.CompanionKind, value, revision string) error {
		if words[value] || value == model || filepath.IsAbs(value) {
			return nil
		}
		if !repository().MatchString(value) {
			return aim.Failf(aim.ClassInput, "option --%s names %q, which is neither a repository (owner/name) nor an absolute path; the server would look for it without the network", option, value).
				WithHint("name it owner/name, so that it is fetched with the model")
		}
		all = append(all, aim.Companion{Kind: kind, Model: value, Revision: revision, Option: option})
		return nil
	}
	revision := func(option string) string {
		for _, o := range opts {
			if o.Name == option {
				return o.Value
			}
		}
		return ""
	}
	for _, o := range opts {
		var err error
		name, key, dotted := strings.Cut(strings.ReplaceAll(o.Name, "_", "-"), ".")
		switch kind, ok := named[backend][name]; {
		case ok && !dotted:
			err = add(name, kind, o.Value, revision(strings.TrimSuffix(name, "-path")+"-revision"))
		case backend == "vllm" && name == "speculative-config" && dotted && (key == "model" || key == "tokenizer"):
			err = add(o.Name, kindOf(key), o.Value, revision(name+".revision"))
		case backend == "vllm" && name == "speculative-config" && !dotted:
			var c struct {
				Model     string `json:"model"`
				Revision  string `json:"revision"`
				Tokenizer string `json:"tokenizer"`
			}
			if json.Unmarshal([]byte(o.Value), &c) != nil {
				continue // what is wrong with it the option table says
			}
			if err = add(name, aim.CompanionModel, c.Model, c.Revision); err == nil {
				err = add(name, aim.CompanionTokenizer, c.Tokenizer, "")
			}
		case backend == "vllm" && name == "lora-modules", backend == "sglang" && name == "lora-paths", backend == "tgi" && name == "lora-adapters":
			for value := range strings.FieldsFuncSeq(o.Value, func(r rune) bool { return r == ' ' || r == ',' && !strings.HasPrefix(o.Value, "{") }) {
				if path := value[strings.IndexByte(value, '=')+1:]; !filepath.IsAbs(path) {
					err = aim.Failf(aim.ClassInput, "option --%s names the adapter %q", name, value).
						WithHint("give it as an adapter of the deployment, so that it is fetched and checked: --adapter NAME=OWNER/REPOSITORY")
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func kindOf(key string) aim.CompanionKind {
	if key == "model" {
		return aim.CompanionModel
	}
	return aim.CompanionTokenizer
}
