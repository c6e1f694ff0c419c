package model

import (
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// UnmarshalYAML reads the numbers or, of files that only name it, the class.
func (a *Architecture) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*a = Architecture{Class: n.Value, Source: "its name alone"}
		return nil
	}
	if err := unknownField(n, reflect.TypeFor[Architecture]()); err != nil {
		return err
	}
	type plain Architecture // without this method
	return n.Decode((*plain)(a))
}

// unknownField finds a field that the type does not have, as a strict decoder
// does.
func unknownField(n *yaml.Node, t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind != yaml.MappingNode || t.Kind() != reflect.Struct {
		return nil
	}
	inner := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		inner[name] = t.Field(i).Type
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		field, known := inner[name.Value]
		if !known {
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: field %s not found in type %s", name.Line, name.Value, t)}}
		}
		if err := unknownField(n.Content[i+1], field); err != nil {
			return err
		}
	}
	return nil
}

// shape makes the layers that the numbers stand for; nil where they are not
// enough.
func (a *Architecture) shape() *Shape {
	if !a.complete() {
		return nil
	}
	s := &Shape{
		Hidden: a.Hidden, Vocab: a.Vocab, Tied: a.Tied, Encoder: a.Encoder, MaxPosition: a.MaxPosition, Extra: float64(a.Extra), Exact: true,
		Layers: make([]Layer, a.Layers),
	}
	local, linear := 0, 0
	if a.Local != nil {
		local = a.Local.Layers
	}
	if a.Linear != nil {
		linear = a.Linear.Layers
	}
	for i := range s.Layers {
		l := &s.Layers[i]
		switch {
		case i < linear:
			l.State = State{Name: "state", Bytes: float64(a.Linear.StateBytes), Parameters: float64(a.Linear.Parameters)}
		default:
			l.Attention = a.attention()
			if i < linear+local {
				l.Attention.Window = a.Local.Window
			}
		}
	}
	moe := a.moeLayers()
	for i := range s.Layers {
		a.feed(&s.Layers[i], i >= a.Layers-moe)
	}
	if a.MTPLayers > 0 {
		last := s.Layers[len(s.Layers)-1]
		for range a.MTPLayers {
			s.Idle = append(s.Idle, last)
		}
	}
	return s.seal()
}

func (a *Architecture) attention() Attention {
	at := Attention{Heads: a.Heads, KVHeads: a.KVHeads, Key: a.HeadDim, Value: a.HeadDim, Gated: a.Gated}
	if m := a.MLA; m != nil {
		at.KVHeads, at.Key, at.Value = 1, m.NoPE+m.RoPE, m.V
		at.QueryLatent, at.Latent, at.Rotary = m.QLora, m.KVLora, m.RoPE
		if m.IndexBytes > 0 {
			at.Index = m.IndexBytes - indexScale
		}
	}
	return at
}

func (a *Architecture) feed(l *Layer, moe bool) {
	matrices := 3
	if a.Encoder {
		matrices = 2
	}
	if !moe {
		width := a.Intermediate
		if a.DenseWidth > 0 {
			width = a.DenseWidth
		}
		l.Dense = Dense{Width: width, Matrices: matrices}
		return
	}
	l.Experts = Experts{Count: a.Experts, Used: a.ExpertsUsed, Width: a.ExpertWidth, Matrices: matrices, Shared: a.SharedExperts * a.ExpertWidth}
}

// moeLayers counts the layers with experts.
func (a *Architecture) moeLayers() int {
	if a.Experts == 0 {
		return 0
	}
	return (a.Layers - a.DenseLayers) / max(a.MoEEvery, 1)
}

// complete tells whether the numbers say enough to count parameters and memory.
func (a *Architecture) complete() bool {
	if a == nil || a.Layers == 0 || a.Hidden == 0 || a.Heads == 0 || a.Vocab == 0 {
		return false
	}
	if a.Experts > 0 && (a.ExpertWidth == 0 || a.ExpertsUsed == 0) {
		return false
	}
	return (a.Encoder || a.MLA != nil || a.KVHeads > 0 && a.HeadDim > 0) && (a.Experts > 0 || a.Intermediate > 0)
}
