package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/access"
)

// names resolves what clients ask for. It is built anew when something changes,
// and never changed.
type names struct {
	deployments map[string]access.Deployment
	served      map[string][]string // served name or adapter -> deployments
	aliases     map[string]access.Alias
	all         []string // that can be asked for, sorted
}

func newNames(deployments []access.Deployment, aliases []access.Alias) *names {
	n := &names{deployments: map[string]access.Deployment{}, served: map[string][]string{}, aliases: map[string]access.Alias{}}
	all := map[string]bool{}
	for _, d := range deployments {
		n.deployments[d.Name] = d
		all[d.Name] = true
		for _, s := range append([]string{d.Serves}, d.Adapters...) {
			if s != "" && !slices.Contains(n.served[s], d.Name) {
				n.served[s] = append(n.served[s], d.Name)
				all[s] = true
			}
		}
	}
	for _, a := range aliases {
		n.aliases[a.Name] = a
	}
	for _, a := range aliases { // one that leads nowhere now is no model
		if len(n.follow(a.Name, 0, nil)) > 0 {
			all[a.Name] = true
		}
	}
	n.all = slices.Sorted(maps.Keys(all))
	return n
}

// resolve finds the deployments that a name is about, the one to try first in
// front. chance is in [0, 1) and decides between the shares of an alias.
func (n *names) resolve(name string, chance float64) ([]string, *apiError) {
	found := n.follow(name, chance, nil)
	if len(found) == 0 {
		return nil, n.unknown(name)
	}
	return found, nil
}

// follow resolves an alias before a deployment's name before a served name. An
// alias that leads back to itself ends there.
func (n *names) follow(name string, chance float64, seen []string) []string {
	if slices.Contains(seen, name) {
		return nil
	}
	if a, ok := n.aliases[name]; ok {
		var found []string
		for _, to := range order(a.To, chance) {
			for _, d := range n.follow(to, chance, append(seen, name)) {
				if !slices.Contains(found, d) {
					found = append(found, d)
				}
			}
		}
		return found
	}
	if _, ok := n.deployments[name]; ok {
		return []string{name}
	}
	return slices.Clone(n.served[name])
}

// order puts the share that chance falls into first, and the others behind it by
// weight. A share of nothing is only ever a fallback.
func order(shares []access.Weight, chance float64) []string {
	total := 0
	for _, s := range shares {
		total += s.Weight
	}
	rest := slices.Clone(shares)
	slices.SortStableFunc(rest, func(a, b access.Weight) int { return cmp.Compare(b.Weight, a.Weight) })
	at := chance * float64(total)
	for i, s := range rest {
		if at -= float64(s.Weight); at < 0 {
			rest = slices.Insert(slices.Delete(rest, i, i+1), 0, s)
			break
		}
	}
	var out []string
	for _, s := range rest {
		out = append(out, s.Name)
	}
	return out
}

func (n *names) unknown(name string) *apiError {
	message := fmt.Sprintf("the model %q does not exist", clip(name, 200))
	if a, ok := n.aliases[name]; ok {
		message = fmt.Sprintf("%q leads to %s, which is not deployed", name, strings.Join(order(a.To, 0), ", "))
	} else if near := aim.Nearest(name, n.all); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	} else {
		message += "; see GET /v1/models"
	}
	return &apiError{status: 404, kind: "invalid_request_error", code: "model_not_found", param: "model", message: message}
}

// upstream is the name under which a deployment's server knows what was asked
// for: an adapter keeps its own.
func (n *names) upstream(deployment, asked, serves string) string {
	if slices.Contains(n.deployments[deployment].Adapters, asked) {
		return asked
	}
	return serves
}

// known tells whether a name can be asked for.
func (n *names) known(name string) bool {
	_, ok := slices.BinarySearch(n.all, strings.TrimSpace(name))
	return ok
}
