package catalogue

import (
	"os"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// CheckFile validates one file of a catalogue by itself, a recipe or a model,
// and returns its id, as `aim recipe validate` does. The error is a Failure that begins with file:line:column.
func CheckFile(name string) (id string, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", aim.Failf(aim.ClassInput, "%s cannot be read: %v", name, err)
	}
	if doc, err := yamlfile.Loosely(name, data); err == nil && doc.Has("model_id") && !doc.Has("recipe_id") && !doc.Has("hardware") {
		m, err := model.Read(name, data)
		return m.ID, err
	}
	r, err := recipe.Read(name, data)
	return r.ID, err
}
