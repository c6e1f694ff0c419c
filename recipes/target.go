package recipes

import (
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

	traits *traits // of a model that no recipe runs; nil = there are recipes
}

// resolve finds the model that a name means: a model id, one of a model's
// repositories, or a model of the same shape; and reads what there is of it.
func (k *known) resolve(c *Catalogue, name string) {
	id := name
	f, err := c.find(id)
	if err == nil && f.model == nil && len(f.recipes) == 0 {
		if id = f.alias; id == "" {
			k.err = c.unknownModel(name)
			return
		}
		f, err = c.find(id)
	}
	if err == nil {
		k.target.asked = name
		err = k.read(f, id)
	}
	if err != nil {
		k.err = err
		return
	}
	t := &k.target
	if id != name {
		t.shape = slices.ContainsFunc(t.model.SameShape, func(s SameShape) bool { return s.ID == name })
	}
	if id != name && !t.shape {
		t.repo = name
	}
	for i, r := range k.recipes {
		k.recipes[i].prepared = c.prepare(r, *t)
	}
	if len(k.recipes) > 0 {
		return
	}
	traits, ok := traitsOfModel(t.model)
	if !ok {
		k.err = aim.Failf(aim.ClassNoRecipe, "%s is known, but no recipe runs it", id).WithHint("list what runs with: aim recipe list")
		return
	}
	t.traits = &traits
}

// unknownModel names what the user may have meant: the nearest id, or models
// whose name begins alike.
func (c *Catalogue) unknownModel(name string) error {
	f := aim.Failf(aim.ClassNoRecipe, "no recipe runs %s", name).WithHint("list the models with: aim recipe list")
	if strings.HasPrefix(name, "/") {
		f.Why += ": it is a folder on the nodes, and recipes name repositories"
		return f
	}
	if matches := nearest(name, c.Names()); len(matches) > 0 {
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
