package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

const (
	adapterConfig = "adapter_config.json"
	// maxAdapterConfig is far above any: the file lists a few dozen names.
	maxAdapterConfig = 1 << 20
)

// FetchCompanion makes a repository that a replica needs besides its model
// complete in the cache, as far as its kind needs files, and returns its snapshot
// folder. An adapter is checked against the model that it must be for. Its
// failures are those of Fetch, and of class input for an adapter that does not fit.
func (h *Hub) FetchCompanion(ctx context.Context, c aim.Companion, report func(aim.Progress)) (string, error) {
	r, err := newRepo(c.Model, c.Revision)
	if err != nil {
		return "", err
	}
	if c.Kind == aim.CompanionModel {
		return h.Fetch(ctx, c.Model, c.Revision, report)
	}
	r.kind = c.Kind
	path, err := h.board(r).wait(ctx, report)
	if err != nil || c.Kind != aim.CompanionAdapter {
		return path, err
	}
	a, err := readAdapter(os.DirFS(path))
	if err == nil {
		err = a.check(c.Base)
	}
	if err != nil {
		return "", aim.Failf(aim.ClassInput, "adapter %s cannot be served beside %s: %v", r, c.Base, err).
			WithHint("name an adapter that was trained for this model, or deploy the model that it is for")
	}
	return path, nil
}

// Companion finds a companion that is complete in the cache, without the network:
// its folder, and the rank of an adapter.
func (h *Hub) Companion(c aim.Companion) (folder string, rank int, err error) {
	r, err := newRepo(c.Model, c.Revision)
	if err != nil {
		return "", 0, err
	}
	if c.Kind != aim.CompanionModel {
		r.kind = c.Kind
	}
	folder, ok := h.snapshot(r)
	if !ok {
		return "", 0, aim.Failf(aim.ClassWeights, "%s %s is not complete in %s", c.Kind, r, h.cache).WithHint("aim model fetch %s", r)
	}
	if c.Kind != aim.CompanionAdapter {
		return folder, 0, nil
	}
	a, err := readAdapter(os.DirFS(folder))
	return folder, a.Rank, err
}

// adapter is what adapter_config.json says.
type adapter struct {
	Type string `json:"peft_type"`
	Base string `json:"base_model_name_or_path"`
	Rank int    `json:"r"`
	DoRA bool   `json:"use_dora"`

	RankPattern map[string]int `json:"rank_pattern"`
}

func readAdapter(folder fs.FS) (adapter, error) {
	f, err := folder.Open(adapterConfig)
	if err != nil {
		return adapter{}, err
	}
	defer f.Close()
	data, err := readAnswer(context.Background(), f, maxAdapterConfig)
	if err != nil {
		return adapter{}, err
	}
	return decodeAdapter(data)
}

func decodeAdapter(data []byte) (adapter, error) {
	var a adapter
	if err := json.Unmarshal(data, &a); err != nil {
		return adapter{}, fmt.Errorf("read %s: %w", adapterConfig, err)
	}
	for _, r := range a.RankPattern {
		a.Rank = max(a.Rank, r)
	}
	return a, nil
}

// maxRank is the largest rank that vLLM serves.
const maxRank = 512

// check tells whether a server of the base can load the adapter.
func (a adapter) check(base string) error {
	switch {
	case !strings.EqualFold(a.Type, "LORA"):
		return fmt.Errorf("it is of type %q, and servers load LORA alone", clip(a.Type))
	case a.DoRA:
		return fmt.Errorf("it uses DoRA, which servers do not load")
	case a.Rank < 1 || a.Rank > maxRank:
		return fmt.Errorf("its rank is %d, and servers load 1 to %d", a.Rank, maxRank)
	case !sameBase(a.Base, base):
		return fmt.Errorf("it was trained for %s", clip(a.Base))
	}
	return nil
}

// quantized are endings under which a model is published once more with other
// numbers in the same layers: an adapter for one fits the others.
var quantized = aim.Pattern(`(?i)(-(fp8|fp4|mxfp4|nvfp4|int8|int4|w8a8|w4a16|awq|gptq|bnb|4bit|8bit|bf16|fp16|unsloth|dynamic|kv|ptpc|quark|block|128g))+$`)

// sameBase compares the model that an adapter names with the one that is served.
// A folder of the trainer's machine says nothing: then the server has the last word.
func sameBase(named, served string) bool {
	if named == "" || path.IsAbs(named) || strings.HasPrefix(named, ".") || path.IsAbs(served) {
		return true
	}
	short := func(s string) string { return strings.ToLower(quantized().ReplaceAllString(path.Base(s), "")) }
	return strings.EqualFold(named, served) || short(named) == short(served)
}

// chooseFor picks the files that a repository of this kind needs.
func chooseFor(kind aim.CompanionKind, all []file, indexed []string) ([]file, error) {
	switch kind {
	case aim.CompanionAdapter:
		return chooseAdapter(all)
	case aim.CompanionTokenizer:
		return chooseTokenizer(all)
	}
	return choose(all, indexed)
}

func chooseAdapter(all []file) ([]file, error) {
	chosen := filter(all, func(name string) bool { return needed(name) && !strings.Contains(name, "/") })
	weights := filter(all, func(name string) bool { return name == "adapter_model.safetensors" })
	if len(weights) == 0 {
		weights = filter(all, func(name string) bool { return name == "adapter_model.bin" })
	}
	if len(weights) == 0 || !lists(all, adapterConfig) {
		return nil, aim.Failf(aim.ClassMissing, "the repository is no LoRA adapter: it lacks %s or adapter_model.safetensors", adapterConfig).
			WithHint("name a repository that holds an adapter in PEFT's format")
	}
	return append(chosen, weights...), nil
}

func chooseTokenizer(all []file) ([]file, error) {
	chosen := filter(all, func(name string) bool { return needed(name) && !strings.Contains(name, "/") })
	if len(chosen) == 0 {
		return nil, aim.Failf(aim.ClassMissing, "the repository holds no configuration and no tokenizer").
			WithHint("name a repository in the Transformers format")
	}
	return chosen, nil
}

func lists(all []file, name string) bool {
	return slices.ContainsFunc(all, func(f file) bool { return f.Name == name })
}

// part tells what a repository is that holds no whole model, as a Failure; nil
// when it may be one. It costs a request for an adapter alone.
func (a *api) part(ctx context.Context, in info) error {
	switch {
	case lists(in.files, configFile) || lists(in.files, mistralConfig):
		return nil
	case lists(in.files, adapterConfig):
		return a.partAdapter(ctx, in)
	case lists(in.files, "model_index.json"):
		return aim.Failf(aim.ClassInput, "model %s is a pipeline of Diffusers, which the servers here do not run", a.repo).
			WithHint("name a language, embedding or reranking model")
	}
	return nil
}

// partAdapter names the model that an adapter belongs to. What that model is
// itself is not asked: adapters may name each other in a circle.
func (a *api) partAdapter(ctx context.Context, in info) error {
	i := slices.IndexFunc(in.files, func(f file) bool { return f.Name == adapterConfig })
	f := in.files[i]
	if !f.known() {
		var err error
		if f, err = a.stat(ctx, in.commit, adapterConfig); err != nil {
			return err
		}
	}
	base := "a model that it does not name"
	served := "MODEL"
	if data, err := a.read(ctx, in.commit, f); err == nil {
		if said, err := decodeAdapter(data); err == nil && said.Base != "" {
			base = clip(said.Base)
			if _, err := newRepo(said.Base, ""); err == nil {
				served = said.Base
			}
		}
	}
	if strings.EqualFold(base, a.repo.id) {
		return aim.Failf(aim.ClassInput, "model %s is a LoRA adapter that names itself as the model it is for", a.repo).
			WithHint("deploy the model that it was trained for: aim deploy MODEL --adapter NAME=%s", a.repo.id)
	}
	return aim.Failf(aim.ClassInput, "model %s is no whole model: it is a LoRA adapter for %s", a.repo, base).
		WithHint("serve it beside its model: aim deploy %s --adapter NAME=%s", served, a.repo.id)
}
