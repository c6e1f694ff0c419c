package catalogue

import (
	"path"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/model"
)

// resolve finds the model that a name means: a model id, one of a model's
// repositories, or a model of the same architecture; and reads what there is of it.
func (k *Known) resolve(c *Catalogue) error {
	id := k.Name
	f, err := c.find(id)
	if err == nil && f.model == nil && len(f.recipes) == 0 {
		if id = f.alias; id == "" {
			return c.unknownModel(k.Name)
		}
		f, err = c.find(id)
	}
	if err == nil {
		err = k.read(f, id)
	}
	if err != nil || id == k.Name {
		return err
	}
	k.SameArchitecture = slices.ContainsFunc(k.Model.SameArchitecture, func(s model.SameArchitecture) bool { return s.ID == k.Name })
	if !k.SameArchitecture {
		k.Repo = k.Name
	}
	return nil
}

// unknownModel names what the user may have meant: the nearest id, or models
// whose name begins alike.
func (c *Catalogue) unknownModel(name string) error {
	f := aim.Failf(aim.ClassNoRecipe, "no recipe runs %s", name).WithHint("aim recipe list")
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
	short := strings.ToLower(path.Base(name))
	for _, id := range known {
		if strings.ToLower(path.Base(id)) == short {
			add(id)
		}
	}
	add(aim.Nearest(name, known))
	for _, id := range known {
		last := strings.ToLower(path.Base(id))
		if last == short || strings.HasPrefix(last, short) || aim.Nearest(short, []string{last}) != "" && len(short) > 4 {
			add(id)
		}
	}
	return found
}
