package aim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Alternative is another rung that a replica could run while the best one has
// to wait for a place. Nobody takes it unasked: it may be slower, or give
// something up.
type Alternative struct {
	Rung    int              `json:"rung"`
	How     string           `json:"how"`     // how it differs from the rung that waits
	Command string           `json:"command"` // asks for it
	Request PlacementRequest `json:"request"`
}

// Alternatives are the rungs below n that a spec can ask for, as the replica would ask
// for their places.
func (l Ladder) Alternatives(n int, spec DeploymentSpec, id Identity) []Alternative {
	var all []Alternative
	for _, r := range l.Rungs {
		if r.Number <= n {
			continue
		}
		if asking, ok := l.asking(spec, r); ok {
			all = append(all, Alternative{r.Number, cmp.Or(r.Patch, "recipe "+r.Recipe), asking.Command(), r.Request(spec, id)})
		}
	}
	return all
}

// asking is the spec that has a rung on top; ok is false where no spec has: one can
// add to the first rung, not take away from it.
func (l Ladder) asking(spec DeploymentSpec, r Rung) (asking DeploymentSpec, ok bool) {
	top := l.Rungs[0]
	if r.Patch == "" {
		spec.Recipe = r.Recipe
		return spec, spec.Recipe != top.Recipe
	}
	if r.Model != top.Model || r.Nodes != top.Nodes || !added(top, r) {
		return spec, false
	}
	if r.Image != top.Image {
		spec.Image = r.Image
	}
	if r.GPUs != top.GPUs {
		spec.GPUs = r.GPUs
	}
	if r.GPUType != top.GPUType {
		spec.GPUType = r.GPUType
	}
	spec.Args = slices.Clone(spec.Args)
	for _, o := range r.Options {
		if slices.Contains(top.Options, o) {
			continue
		}
		spec.Args = append(spec.Args, "--"+o.Name)
		if !o.Bare {
			spec.Args = append(spec.Args, o.Value)
		}
	}
	spec.Env = maps.Clone(spec.Env)
	for k, v := range r.Env {
		if top.Env[k] == v {
			continue
		}
		if spec.Env == nil {
			spec.Env = map[string]string{}
		}
		spec.Env[k] = v
	}
	return spec, true
}

// added tells whether a rung has everything that the top has, if with other values.
func added(top, r Rung) bool {
	for _, o := range top.Options {
		if !slices.ContainsFunc(r.Options, func(p Option) bool { return p.Name == o.Name }) {
			return false
		}
	}
	for k := range top.Env { // in any order: see .workflowcheck.yaml
		if _, ok := r.Env[k]; !ok {
			return false
		}
	}
	return true
}

// Cure says that the alternative has a place now.
func (a Alternative) Cure(node string) Cure {
	return Cure{Steps: []CureStep{{Do: CureRung, Node: node, Command: a.Command, Text: fmt.Sprintf("rung %d, %s, fits now on %s", a.Rung, a.How, node)}}}
}
