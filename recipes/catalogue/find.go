package catalogue

import (
	"bytes"
	"maps"
	"slices"

	"github.com/aim-engine/aim"
)

// entry says where a recipe or model is, and whose it is.
type entry struct {
	ids
	folder folder
	name   string // in folder
	file   string // for people
}

// found are the files that speak of one model.
type found struct {
	recipes map[string]entry // by recipe id
	model   *entry
	alias   string // the model that has a repository, or a shape, of the wanted name
}

// find reads through the catalogue for a model: its own file, its recipes, and
// the model that knows it by another name. A file replaces an earlier folder's
// with the same id.
func (c *Catalogue) find(model string) (found, error) {
	f := found{recipes: map[string]entry{}}
	wanted := []byte(model)
	for _, dir := range c.folders {
		err := dir.each(func(name string, data []byte) error {
			recipe, id, ok := lineIDs(data)
			switch {
			case ok && !bytes.Equal(id, wanted):
				if len(recipe) > 0 {
					delete(f.recipes, string(recipe)) // replaced by one of another model
				} else if bytes.Contains(data, wanted) && slices.Contains(otherNames(data), model) {
					f.alias = string(id)
				}
				return nil
			case !ok && !bytes.Contains(data, wanted):
				return nil
			}
			h := ids{string(recipe), string(id)}
			if !ok {
				var err error
				if h, err = parseIDs(dir.prefix+name, data); err != nil || h.model != model {
					return nil // it cannot be used, whatever it is; Check tells why
				}
			}
			return f.add(entry{ids: h, folder: dir, name: name, file: dir.prefix + name})
		})
		if err != nil {
			return found{}, err
		}
	}
	return f, nil
}

// add takes a file. Two files of a folder with the same id are a mistake: which
// of them counts would be chance.
func (f *found) add(e entry) error {
	if e.recipe == "" {
		if f.model != nil && f.model.folder == e.folder {
			return twice(*f.model, e)
		}
		f.model = &e
		return nil
	}
	if earlier, ok := f.recipes[e.recipe]; ok && earlier.folder == e.folder {
		return twice(earlier, e)
	}
	f.recipes[e.recipe] = e
	return nil
}

func twice(a, b entry) error {
	first, second := min(a.file, b.file), max(a.file, b.file)
	what := "model " + a.model
	if a.recipe != "" {
		what = "recipe " + a.recipe
	}
	return aim.Failf(aim.ClassInput, "%s: %s is defined in %s too", second, what, first).WithHint("give one of them another id")
}

// ids lists the recipes, sorted.
func (f found) ids() []string { return slices.Sorted(maps.Keys(f.recipes)) }

// index is everything that the catalogue has, by its ids.
type index struct {
	recipes map[string]entry
	models  map[string]entry
	names   map[string]string // repository or model of the same shape -> model id
	wrong   error             // of the first file without ids
}

// index reads through the whole catalogue. Only lists and messages about what
// is not there need it.
func (c *Catalogue) index() (index, error) {
	i := index{recipes: map[string]entry{}, models: map[string]entry{}, names: map[string]string{}}
	for _, dir := range c.folders {
		seen := map[ids]entry{}
		err := dir.each(func(name string, data []byte) error {
			file := dir.prefix + name
			recipe, model, ok := lineIDs(data)
			h := ids{string(recipe), string(model)}
			if !ok {
				var err error
				if h, err = parseIDs(file, data); err != nil {
					i.note(err)
					return nil
				}
			}
			e := entry{ids: h, folder: dir, name: name, file: file}
			key := h
			if h.recipe != "" {
				key.model = "" // the id of a recipe is its own, whatever it runs
			}
			if earlier, ok := seen[key]; ok {
				i.note(twice(earlier, e))
			}
			seen[key] = e
			i.add(e, data)
			return nil
		})
		if err != nil {
			return i, err
		}
	}
	return i, nil
}

// note keeps the mistake in the file that is first by name.
func (i *index) note(err error) {
	if i.wrong == nil || err.Error() < i.wrong.Error() {
		i.wrong = err
	}
}

func (i *index) add(e entry, data []byte) {
	if e.recipe != "" {
		i.recipes[e.recipe] = e
		return
	}
	i.models[e.model] = e
	for _, n := range otherNames(data) {
		i.names[n] = e.model
	}
}

// all lists the model ids, sorted.
func (i index) all() []string {
	ids := map[string]bool{}
	for id := range i.models {
		ids[id] = true
	}
	for _, e := range i.recipes {
		ids[e.model] = true
	}
	return slices.Sorted(maps.Keys(ids))
}
