package model

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// Description is what a model says of itself. It makes it possible to run a
// model that no recipe is for.
type Description struct {
	Model       string `json:"model"`                  // as it was asked for
	Config      []byte `json:"config"`                 // its config.json
	WeightBytes uint64 `json:"weight_bytes,omitempty"` // of the files that a server would load; 0 = not known
	From        string `json:"from,omitempty"`         // who has read it, for people
	// Beside are small files beside config.json, by name; see aim.BesideConfig.
	Beside map[string][]byte `json:"beside,omitempty"`
}

// FromConfig reads the shape and the size of a model from its config.json, in
// the words that Hugging Face's transformers uses for them. The error is a
// Failure of class input for what is not JSON, or of class no_recipe for a model
// of a kind that cannot be counted or served.
func FromConfig(d Description) (Model, error) {
	m, _, err := ReadConfig(d)
	return m, err
}

// ReadConfig is FromConfig with what the file says besides the shape.
func ReadConfig(d Description) (Model, Traits, error) {
	file := d.Model + "/config.json"
	outer, err := readFields(file, d.Config)
	if err != nil {
		return Model{}, Traits{}, err
	}
	t := textPart(outer)
	if why := cannotServe(outer, t); why != "" {
		return Model{}, Traits{}, aim.Failf(aim.ClassNoRecipe, "%s: %s", file, why)
	}
	shape, err := readShape(outer, t)
	if err != nil {
		return Model{}, Traits{}, aim.Failf(aim.ClassNoRecipe, "%s: %v", file, err).
			WithHint("write a recipe for it; the smallest one has six lines: aim recipe validate --help")
	}
	traits := readTraits(d, outer, t, shape)
	traits.From = cmp.Or(d.From, file)
	shape.Notes = append(outer.log.told(), shape.Notes...)
	m := Model{ID: d.Model, Family: t.text("model_type"), Kind: "dense", Source: traits.From, Shape: shape}
	if shape.IsMoE() {
		m.Kind = "moe"
	}
	m.Checkpoints = []Checkpoint{traits.Checkpoint(d, shape)}
	m.Parameters = uint64(shape.Count().Total())
	return m, traits, m.validate(nil)
}

// textPart is the object that describes the language part, over the outermost
// fields: what only these have goes for it, too.
func textPart(outer fields) fields {
	t := outer
	if thinker, ok := outer.object("thinker_config"); ok {
		t = thinker
	}
	if inner, ok := t.object("text_config", "language_config", "llm_config", "text_model_config"); ok {
		merged := maps.Clone(outer.raw)
		maps.Copy(merged, inner.raw)
		t = fields{path: inner.path, raw: merged, log: outer.log}
	}
	return t.with("attn_config", "ffn_config")
}

// cannotServe refuses models that no backend here serves.
func cannotServe(outer, t fields) string {
	switch {
	case outer.flag("is_encoder_decoder", false):
		return "it is an encoder-decoder model, which AIM Engine does not serve"
	case !outer.has("architectures") && !outer.has("model_type") && !t.has("model_type"):
		return "it names neither architectures nor model_type, so it is not the configuration of a language model"
	}
	return ""
}

// readShape reads the layers one by one. The error says what of the model is
// missing or not understood.
func readShape(outer, t fields) (*Shape, error) {
	c := classOf(t)
	s := &Shape{
		Hidden: t.number(namesOfHidden...), Vocab: cmp.Or(t.number(namesOfVocab...), c.vocab),
		Tied: t.flag("tie_word_embeddings", c.tied), Encoder: encodes(t), MaxPosition: longest(t),
	}
	n := t.number(namesOfLayers...)
	if n == 0 {
		n = len(strings.ReplaceAll(t.text("hybrid_override_pattern"), "|", ""))
	}
	if err := required(t, n, s); err != nil {
		return nil, err
	}
	plans, err := planLayers(t, n)
	if err != nil {
		return nil, err
	}
	g, d := readGeometry(t, n, s.Hidden), readFeeds(t, n, s.Hidden)
	if s.Layers, err = makeLayers(t, plans, g, d, s.Hidden); err != nil {
		return nil, err
	}
	s.Idle = drafts(t, s.Layers)
	s.Extra = readExtra(outer, t, n, s.Hidden)
	if err := unread(t, n); err != nil {
		return nil, err
	}
	if total := s.seal().Count().Total(); total > mostParameters {
		return nil, fmt.Errorf("it would have %.3g parameters, which no model has", total)
	}
	s.Exact = !strangers(t) || !g.guessedKV() && !d.guessedUse()
	if d.guessedUse() {
		t.log.note("how many experts a token passes is not told: %d are taken", s.used())
	}
	return s, nil
}

// mostParameters bounds what is believed: a thousand times the largest known.
const mostParameters = 1e15

func (s *Shape) used() int {
	n := 0
	for _, k := range s.kinds {
		n = max(n, k.Experts.Used)
	}
	return n
}

// required checks what nothing can be counted without.
func required(t fields, layers int, s *Shape) error {
	var missing []string
	for _, f := range []struct {
		names []string
		value int
		most  int
	}{{namesOfLayers, layers, maxLayers}, {namesOfHidden, s.Hidden, maxWidth}, {namesOfVocab, s.Vocab, maxCount}} {
		name, given := t.find(f.names)
		switch {
		case f.value > 0 && f.value <= f.most:
		case given:
			missing = append(missing, fmt.Sprintf("%s (%s makes no sense)", name, clipped(t.raw[name])))
		default:
			missing = append(missing, f.names[0])
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return says(t, missing)
}

func says(t fields, missing []string) error {
	return fmt.Errorf("it says nothing of %s, so the memory of a %s model cannot be counted",
		strings.Join(missing, ", "), cmp.Or(clip(t.text("model_type")), "nameless"))
}

// makeLayers puts plan, geometry and feed-forward parts together.
func makeLayers(t fields, plans []plan, g geometry, d feeds, hidden int) ([]Layer, error) {
	var kept State
	if slices.ContainsFunc(plans, func(p plan) bool { return p.mix == state || p.mix == both }) {
		var err error
		if kept, err = readState(t, hidden, g.heads.at(0), g.width); err != nil {
			return nil, err
		}
	}
	layers := make([]Layer, len(plans))
	for i, p := range plans {
		l := &layers[i]
		if p.mix == state || p.mix == both {
			l.State = kept
		}
		if p.mix != state && p.mix != nothing {
			l.Attention = g.of(i, p.mix)
			if missing := l.Attention.missing(); missing != "" {
				return nil, says(t, []string{missing})
			}
		}
		d.of(i, p.feed, hidden, l)
		g.block(i, hidden, l)
		if p.feed != none && len(g.blocks) == 0 && l.Dense.Width == 0 && (l.Experts.Count == 0 || l.Experts.Width == 0) {
			if l.Experts.Count > 0 {
				return nil, says(t, namesOfExpertWidth[:1])
			}
			return nil, says(t, namesOfInner[:1])
		}
	}
	return layers, nil
}

// missing names what attention cannot be counted without.
func (a Attention) missing() string {
	switch {
	case a.Heads == 0 || a.Heads > maxHeads:
		return namesOfHeads[0]
	case a.Key == 0 || a.Key > maxWidth || a.Value > maxWidth:
		return namesOfHeadWidth[0]
	case a.KVHeads > maxHeads:
		return namesOfKVHeads[0]
	}
	return ""
}

// maxHeads bounds heads: the most known are 128.
const maxHeads = 1 << 14

// drafts are layers that predict further tokens: such a layer is built like the
// last ones, and reads two hidden states.
func drafts(t fields, layers []Layer) []Layer {
	var l Layer
	for _, other := range layers {
		if other.Attends() {
			l.Attention = other.Attention
		}
		if other.Dense.Width > 0 || other.Experts.Count > 0 {
			l.Dense, l.Experts = other.Dense, other.Experts
		}
	}
	n := t.number(namesOfDrafts...)
	return slices.Repeat([]Layer{l}, min(n, 16))
}

// strangers tells of fields that speak of experts, heads, groups or caches and
// that nobody has read.
func strangers(t fields) (any bool) {
	for _, name := range slices.Sorted(maps.Keys(t.raw)) {
		if t.log.asked[name] || !speaksOfSize(name) || trivial(t.raw[name]) {
			continue
		}
		any = true
		t.log.note("%s is not read", name)
	}
	return any
}

func speaksOfSize(name string) bool {
	about := func(part string) bool { return strings.Contains(name, part) }
	return slices.ContainsFunc([]string{"expert", "moe", "head", "group", "kv"}, about) && !slices.ContainsFunc(passedBy, about)
}

// trivial tells a value that makes no difference.
func trivial(raw json.RawMessage) bool {
	switch string(raw) {
	case "null", "false", "true", "0", "1", "[]", "{}", `""`:
		return true
	}
	return len(raw) > 0 && (raw[0] == '{' || raw[0] == '"')
}

func decodes(raw json.RawMessage, into any) bool { return json.Unmarshal(raw, into) == nil }
