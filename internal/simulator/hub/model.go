package hub

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// DefaultShardBytes is the size of the tensors in each weight file.
const DefaultShardBytes = 8 << 10

// Model is one model of the stand-in. The zero value is a small Llama.
type Model struct {
	// Config is the content of config.json, for models whose architecture
	// somebody reads; nil makes one up.
	Config json.RawMessage
	// ShardBytes is the size of the tensors in each of the two weight files;
	// 0 is DefaultShardBytes. They are made while they are sent, so they may be large.
	ShardBytes int64
	// Files are more files, or other content for those there would be anyway.
	Files map[string][]byte
	// Bare models have no other files than Files.
	Bare bool
	// Revisions are branches and tags besides main.
	Revisions []string
	// Gated models need the token of somebody who has accepted the licence:
	// one of Readers. Private models do not exist without a token.
	Gated, Private bool
	Readers        []string

	id string
}

// entry is one file of a model.
type entry struct {
	name  string
	large bool // kept in LFS: SHA-256 for an etag, and served by the CDN
	data  content
}

// content is what a file holds: *bytes.Reader for small ones, pattern for large.
type content interface {
	io.ReaderAt
	Size() int64
}

// shards are the weight files and the tensor that each holds.
var shards = [...]struct{ name, tensor string }{
	{"model-00001-of-00002.safetensors", "model.embed_tokens.weight"},
	{"model-00002-of-00002.safetensors", "lm_head.weight"},
}

// files are all files of the model, sorted by name.
func (m Model) files() []entry {
	small := map[string][]byte{
		"README.md":                    []byte("# " + m.id + "\n\nA simulated model. Its weights are made up.\n"),
		"config.json":                  m.config(),
		"generation_config.json":       []byte(`{"do_sample":true,"temperature":0.7,"top_p":0.8}`),
		"model.safetensors.index.json": m.index(),
		"tokenizer.json":               []byte(`{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[]}}`),
		"tokenizer_config.json":        []byte(`{"tokenizer_class":"PreTrainedTokenizerFast","model_max_length":32768}`),
	}
	if m.Bare {
		small = map[string][]byte{}
	}
	maps.Copy(small, m.Files)
	var all []entry
	for _, shard := range shards {
		if _, replaced := small[shard.name]; !replaced && !m.Bare {
			all = append(all, entry{shard.name, true, tensorFile(m.id, shard.tensor, m.shardBytes())})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(small)) {
		all = append(all, entry{name, false, bytes.NewReader(small[name])})
	}
	slices.SortFunc(all, func(a, b entry) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return all
}

// file finds one file.
func (m Model) file(name string) (entry, bool) {
	for _, e := range m.files() {
		if e.name == name {
			return e, true
		}
	}
	return entry{}, false
}

// shardBytes is even, as the tensors are of two bytes each.
func (m Model) shardBytes() int64 {
	if m.ShardBytes <= 0 {
		return DefaultShardBytes
	}
	return m.ShardBytes &^ 1
}

// config makes up an architecture that servers and estimates can read.
func (m Model) config() []byte {
	if m.Config != nil {
		return m.Config
	}
	return []byte(`{"architectures":["LlamaForCausalLM"],"model_type":"llama","torch_dtype":"bfloat16","aim_simulated":true,` +
		`"hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,"num_attention_heads":8,"num_key_value_heads":8,` +
		`"head_dim":8,"vocab_size":64,"max_position_embeddings":32768}`)
}

// index says which weight file holds which tensor.
func (m Model) index() []byte {
	where := make(map[string]string, len(shards))
	for _, shard := range shards {
		where[shard.tensor] = shard.name
	}
	data, err := json.Marshal(map[string]any{
		"metadata":   map[string]int64{"total_size": m.shardBytes() * int64(len(shards))},
		"weight_map": where,
	})
	if err != nil {
		panic(fmt.Sprintf("simulated hub: %v", err)) // strings and numbers only
	}
	return data
}

// commit is the commit of a revision. All revisions have the same files.
func (m Model) commit(revision string) string {
	if m.isCommit(revision) {
		return revision
	}
	sum := sha1.Sum([]byte(m.id + "@" + revision))
	return hex.EncodeToString(sum[:])
}

// hasRevision knows branches, tags and their commits.
func (m Model) hasRevision(revision string) bool {
	return slices.Contains(m.branches(), revision) || m.isCommit(revision)
}

func (m Model) branches() []string { return append([]string{"main"}, m.Revisions...) }

// isCommit tells whether this is the commit of a branch or tag.
func (m Model) isCommit(revision string) bool {
	return len(revision) == 2*sha1.Size && slices.ContainsFunc(m.branches(), func(branch string) bool {
		sum := sha1.Sum([]byte(m.id + "@" + branch))
		return hex.EncodeToString(sum[:]) == revision
	})
}
