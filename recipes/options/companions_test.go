package options

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

func TestOptionsThatNameARepositoryMakeItACompanion(t *testing.T) {
	for _, c := range []struct {
		backend, option, value string
		want                   string // kind model@revision, or "!" and a part of the refusal
	}{
		{"vllm", "speculative-config", `{"model":"acme/Draft","method":"eagle3","num_speculative_tokens":3}`, "model acme/Draft@"},
		{"vllm", "speculative-config", `{"model":"acme/Draft","revision":"v2","tokenizer":"other/Tokens"}`, "model acme/Draft@v2, tokenizer other/Tokens@"},
		{"vllm", "speculative-config", `{"method":"ngram","num_speculative_tokens":3}`, ""},
		{"vllm", "speculative-config", `{"method":"mtp","model":"acme/Large"}`, ""},
		{"vllm", "speculative-config", `{"model":"/models/draft"}`, ""},
		{"vllm", "speculative-config", `{"model":"draft"}`, "!neither a repository"},
		{"vllm", "speculative-config", `not JSON`, ""},
		{"vllm", "speculative-config.model", "acme/Draft", "model acme/Draft@"},
		{"vllm", "speculative_config.model", "acme/Draft", "model acme/Draft@"},
		{"vllm", "tokenizer", "other/Tokens", "tokenizer other/Tokens@"},
		{"vllm", "tokenizer", "/models/tokens", ""},
		{"vllm", "tokenizer", "../tokens", "!neither a repository"},
		{"vllm", "tokenizer", "acme/Large", ""},
		{"vllm", "hf-config-path", "other/Config", "tokenizer other/Config@"},
		{"vllm", "generation-config", "auto", ""},
		{"vllm", "generation-config", "vllm", ""},
		{"vllm", "generation-config", "other/Config", "tokenizer other/Config@"},
		{"vllm", "lora-modules", "sql=acme/lora", "!--adapter"},
		{"vllm", "lora-modules", `{"name":"sql","path":"acme/lora"}`, "!--adapter"},
		{"vllm", "max-model-len", "4096", ""},
		{"sglang", "speculative-draft-model-path", "acme/Draft", "model acme/Draft@"},
		{"sglang", "tokenizer-path", "other/Tokens", "tokenizer other/Tokens@"},
		{"sglang", "lora-paths", "sql=acme/lora", "!--adapter"},
	} {
		got, err := Companions(c.backend, "acme/Large", []aim.Option{{Name: c.option, Value: c.value}})
		if part, refused := strings.CutPrefix(c.want, "!"); refused {
			if err == nil || !strings.Contains(aim.FailureOf(err).Text(), part) || aim.FailureOf(err).Class != aim.ClassInput {
				t.Errorf("%s --%s %s: %v", c.backend, c.option, c.value, err)
			}
			continue
		}
		var text []string
		for _, g := range got {
			text = append(text, fmt.Sprintf("%s %s@%s", g.Kind, g.Model, g.Revision))
		}
		if s := strings.Join(text, ", "); err != nil || s != c.want {
			t.Errorf("%s --%s %s: %q, %v; want %q", c.backend, c.option, c.value, s, err, c.want)
		}
	}
}
