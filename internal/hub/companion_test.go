package hub

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// library is a hub with models, adapters and what else people keep there.
func library(t *testing.T, more map[string]map[string]string) string {
	repos := map[string]map[string]string{
		"acme/lora":      {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"acme/Large","r":16}`, "adapter_model.safetensors": "weights"},
		"acme/rank":      {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"acme/Large-FP8","r":8,"rank_pattern":{"q":200}}`, "adapter_model.bin": "weights", "tokenizer.json": "{}"},
		"acme/local":     {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"/home/me/Large","r":16}`, "adapter_model.safetensors": "weights"},
		"acme/self":      {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"acme/self","r":16}`, "adapter_model.safetensors": "weights"},
		"acme/ring-a":    {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"acme/ring-b","r":16}`, "adapter_model.safetensors": "weights"},
		"acme/ring-b":    {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"acme/ring-a","r":16}`, "adapter_model.safetensors": "weights"},
		"acme/prompt":    {adapterConfig: `{"peft_type":"PROMPT_TUNING","base_model_name_or_path":"acme/Large"}`, "adapter_model.safetensors": "weights"},
		"acme/dora":      {adapterConfig: `{"peft_type":"LORA","use_dora":true,"base_model_name_or_path":"acme/Large","r":16}`, "adapter_model.safetensors": "weights"},
		"acme/huge":      {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"acme/Large","r":4096}`, "adapter_model.safetensors": "weights"},
		"acme/garbage":   {adapterConfig: `{"peft_type":`, "adapter_model.safetensors": "weights"},
		"acme/empty":     {adapterConfig: `{"peft_type":"LORA","base_model_name_or_path":"acme/Large","r":16}`},
		"acme/pipeline":  {"model_index.json": `{}`, "unet.safetensors": "weights"},
		"other/Tokens":   {"tokenizer.json": `{"version":"1.0"}`, "tokenizer_config.json": "{}", "README.md": "x"},
		"other/Pictures": {"cat.png": "x"},
	}
	for id, files := range more {
		repos[id] = files
	}
	url, _ := serve(t, standin.New(standin.Config{Lookup: func(id string) (standin.Model, bool) {
		files, ok := repos[id]
		if !ok {
			return standin.Model{}, strings.HasPrefix(id, "acme/Large") || id == "acme/Draft"
		}
		m := standin.Model{Bare: true, Files: map[string][]byte{}}
		for name, text := range files {
			m.Files[name] = []byte(text)
		}
		return m, true
	}}))
	return url
}

func TestARepositoryThatIsNoWholeModelIsToldForWhatItIsWhereverItIsNamed(t *testing.T) {
	h := newHub(t, library(t, nil))
	for id, want := range map[string]string{
		"acme/lora":     "LoRA adapter for acme/Large",
		"acme/rank":     "LoRA adapter for acme/Large-FP8",
		"acme/self":     "names itself",
		"acme/ring-a":   "LoRA adapter for acme/ring-b",
		"acme/garbage":  "LoRA adapter for a model that it does not name",
		"acme/local":    "LoRA adapter for /home/me/Large",
		"acme/pipeline": "pipeline of Diffusers",
	} {
		_, fetched := h.Fetch(t.Context(), id, "", nil)
		_, _, described := h.Describe(t.Context(), id, "")
		for what, err := range map[string]error{"fetch": fetched, "plan": described, "deploy": h.CheckAccess(t.Context(), id, "")} {
			f := failure(t, err, aim.ClassInput)
			if !strings.Contains(f.Why, want) {
				t.Errorf("%s of %s: %s", what, id, f.Text())
			}
			if strings.Contains(f.Why, "LoRA") && !strings.Contains(f.Hint, "--adapter") {
				t.Errorf("%s of %s does not say how it is served: %s", what, id, f.Hint)
			}
		}
	}
}

func TestAnAdapterIsFetchedAndCheckedAgainstItsBase(t *testing.T) {
	for _, c := range []struct {
		id, base string
		rank     int
		refusal  string
	}{
		{"acme/lora", "acme/Large", 16, ""},
		{"acme/lora", "acme/large", 16, ""},
		{"acme/lora", "acme/Large-FP8", 16, ""},
		{"acme/lora", "other/Large-AWQ-INT4", 16, ""},
		{"acme/rank", "acme/Large", 200, ""},
		{"acme/local", "acme/Large", 16, ""},
		{"acme/lora", "acme/Larger", 0, "trained for acme/Large"},
		{"acme/ring-a", "acme/Large", 0, "trained for acme/ring-b"},
		{"acme/self", "acme/Large", 0, "trained for acme/self"},
		{"acme/prompt", "acme/Large", 0, "PROMPT_TUNING"},
		{"acme/dora", "acme/Large", 0, "DoRA"},
		{"acme/huge", "acme/Large", 0, "rank is 4096"},
		{"acme/garbage", "acme/Large", 0, "adapter_config.json"},
	} {
		t.Run(c.id+" for "+c.base, func(t *testing.T) {
			h := newHub(t, library(t, nil))
			adapter := aim.Companion{Kind: aim.CompanionAdapter, Model: c.id, Name: "x", Base: c.base}
			_, err := h.FetchCompanion(t.Context(), adapter, nil)
			if c.refusal != "" {
				if f := failure(t, err, aim.ClassInput); !strings.Contains(f.Why, c.refusal) {
					t.Errorf("%s", f.Text())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			offline := newHub(t, "http://127.0.0.1:1", inCache(h.cache), offline)
			folder, rank, err := offline.Companion(adapter)
			if err != nil || rank != c.rank {
				t.Fatalf("rank %d, %v", rank, err)
			}
			if _, err := os.Stat(filepath.Join(folder, adapterConfig)); err != nil {
				t.Error(err)
			}
		})
	}
	for id, class := range map[string]aim.FailureClass{"acme/empty": aim.ClassMissing, "acme/Draft": aim.ClassMissing, "acme/none": aim.ClassMissing} {
		_, err := newHub(t, library(t, nil)).FetchCompanion(t.Context(), aim.Companion{Kind: aim.CompanionAdapter, Model: id, Base: "acme/Large"}, nil)
		if id == "acme/none" {
			continue // every other name is a model of the stand-in, or missing
		}
		failure(t, err, class)
	}
}

// What is fetched of a repository for one purpose is never taken for the whole.
func TestATokenizerIsFetchedWithoutWeightsAndIsNoModel(t *testing.T) {
	h := newHub(t, library(t, nil))
	folder, err := h.FetchCompanion(t.Context(), aim.Companion{Kind: aim.CompanionTokenizer, Model: "acme/Large"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "tokenizer.json")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(folder, shard1)); err == nil {
		t.Error("weights were fetched")
	}
	if models, err := h.List(); err != nil || len(models) != 0 {
		t.Errorf("listed as whole: %v, %v", models, err)
	}
	fetched(t, h, "acme/Large") // now all of it
	if _, err := h.FetchCompanion(t.Context(), aim.Companion{Kind: aim.CompanionTokenizer, Model: "other/Tokens"}, nil); err != nil {
		t.Error(err)
	}
	_, err = h.FetchCompanion(t.Context(), aim.Companion{Kind: aim.CompanionTokenizer, Model: "other/Pictures"}, nil)
	failure(t, err, aim.ClassMissing)
}

func TestADraftModelIsFetchedWhole(t *testing.T) {
	h := newHub(t, library(t, nil))
	folder, err := h.FetchCompanion(t.Context(), aim.Companion{Kind: aim.CompanionModel, Model: "acme/Draft"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustVerify(t, folder)
}

func FuzzAnAdaptersConfiguration(f *testing.F) {
	f.Add([]byte(`{"peft_type":"LORA","base_model_name_or_path":"acme/Large","r":16,"rank_pattern":{"a":3}}`))
	f.Add([]byte(`{"peft_type":1}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeAdapter(data)
		if err == nil {
			_ = a.check("acme/Large")
		} else if json.Valid(data) && len(data) == 0 {
			t.Error("empty input is valid")
		}
	})
}
