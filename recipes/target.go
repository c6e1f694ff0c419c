package recipes

import (
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// target is the model that a deployment asks for, as the catalogue knows it.
type target struct {
	asked string // as the user wrote it
	model Model
	repo  string // only recipes that serve this repository; "" = any of the model's
	shape bool   // asked is another model of the same shape
}

// resolve finds the model that a name means: a model id, one of a model's
// repositories, or a model of the same shape.
func (c *Catalogue) resolve(name string) (target, error) {
	id, t := name, target{asked: name}
	if _, known := c.models[id]; !known && len(c.RecipesOf(id)) == 0 {
		if id = c.names[name]; id == "" {
			return t, c.unknownModel(name)
		}
	}
	model, err := c.Model(id)
	if err != nil {
		return t, err
	}
	t.model = model
	if id != name {
		t.shape = slices.ContainsFunc(model.SameShape, func(s SameShape) bool { return s.ID == name })
	}
	if id != name && !t.shape {
		t.repo = name
	}
	if len(c.RecipesOf(id)) == 0 {
		return t, aim.Failf(aim.ClassNoRecipe, "%s is known, but no recipe runs it", id).WithHint("list what runs with: aim recipe list")
	}
	return t, nil
}

// unknownModel names what the user may have meant: the nearest id, or models
// whose name begins alike.
func (c *Catalogue) unknownModel(name string) error {
	f := aim.Failf(aim.ClassNoRecipe, "no recipe runs %s", name).WithHint("list the models with: aim recipe list")
	if strings.HasPrefix(name, "/") {
		f.Why += ": it is a folder on the nodes, and recipes name repositories"
		return f
	}
	known := slices.Sorted(maps.Keys(c.names))
	known = append(c.Models(), known...)
	if matches := nearest(name, known); len(matches) > 0 {
		f.Why += "; did you mean " + strings.Join(matches, " or ") + "?"
	}
	return f
}

// nearest finds up to three ids close to name, judged by the whole id and by
// its last element, which is what people remember.
func nearest(name string, known []string) []string {
	var found []string
	add := func(id string) {
		if id != "" && !slices.Contains(found, id) && len(found) < 3 {
			found = append(found, id)
		}
	}
	short := strings.ToLower(lastElement(name))
	for _, id := range known {
		if strings.ToLower(lastElement(id)) == short {
			add(id)
		}
	}
	add(aim.Nearest(name, known))
	for _, id := range known {
		last := strings.ToLower(lastElement(id))
		if last == short || strings.HasPrefix(last, short) || aim.Nearest(short, []string{last}) != "" && len(short) > 4 {
			add(id)
		}
	}
	return found
}
